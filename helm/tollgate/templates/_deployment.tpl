{{/*
A plane's Deployment. Takes root (the chart's context), plane (gateway or control), values (that plane's), port (its name)
and number, and replicas (null where an autoscaler decides).
*/}}
{{- define "tollgate.deployment" -}}
{{- $root := .root -}}
{{- $values := .values -}}
{{- include "tollgate.checkGrace" (dict "root" $root "plane" .plane "values" $values) -}}
{{- $scheme := include "tollgate.metricsScheme" $root -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "tollgate.fullname" $root }}-{{ .plane }}
  labels:
    {{- include "tollgate.labels" $root | nindent 4 }}
    app.kubernetes.io/component: {{ .plane }}
spec:
  {{- if not (kindIs "invalid" .replicas) }}
  replicas: {{ .replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 }
  selector:
    matchLabels:
      {{- include "tollgate.selectorLabels" $root | nindent 6 }}
      app.kubernetes.io/component: {{ .plane }}
  template:
    metadata:
      labels:
        {{- include "tollgate.selectorLabels" $root | nindent 8 }}
        app.kubernetes.io/component: {{ .plane }}
        {{- with $root.Values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        # A change of the configuration or of a secret rolls the Pods.
        checksum/config: {{ include "tollgate.config" $root | sha256sum }}
        checksum/secret: {{ printf "%s\n%s\n%s" $root.Values.redis.url $root.Values.pepper.value $root.Values.bootstrap.token | sha256sum }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ include "tollgate.serviceAccountName" $root }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with $root.Values.image.pullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: { type: RuntimeDefault }
      {{- with $root.Values.priorityClassName }}
      priorityClassName: {{ . }}
      {{- end }}
      terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
      containers:
        - name: tollgate
          image: {{ include "tollgate.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [serve, --config, /etc/tollgate/tollgate.yaml, --role, {{ .plane }}]
          env:
            {{- include "tollgate.env" $root | nindent 12 }}
            {{- if eq .plane "control" }}
            {{- include "tollgate.bootstrapEnv" $root | nindent 12 }}
            {{- end }}
          ports:
            - { name: {{ .port }}, containerPort: {{ .number }}, protocol: TCP }
            - { name: metrics, containerPort: 9090, protocol: TCP }
          startupProbe:
            httpGet: { path: /livez, port: metrics, scheme: {{ $scheme }} }
            periodSeconds: 1
            failureThreshold: 60
          livenessProbe:
            httpGet: { path: /livez, port: metrics, scheme: {{ $scheme }} }
            periodSeconds: 10
            timeoutSeconds: 3
            failureThreshold: 3
          readinessProbe:
            httpGet: { path: /readyz, port: metrics, scheme: {{ $scheme }} }
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 1
          lifecycle:
            preStop:
              sleep: { seconds: {{ $values.preStopSeconds }} }
          {{- with $values.resources }}
          resources:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: { drop: [ALL] }
          volumeMounts:
            - { name: config, mountPath: /etc/tollgate, readOnly: true }
            {{- with $root.Values.volumeMounts }}
            {{- toYaml . | nindent 12 }}
            {{- end }}
      volumes:
        - name: config
          configMap: { name: {{ include "tollgate.fullname" $root }} }
        {{- with $root.Values.volumes }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with $values.topologySpread }}
      topologySpreadConstraints:
        {{- range . }}
        - topologyKey: {{ .topologyKey }}
          whenUnsatisfiable: {{ .whenUnsatisfiable }}
          maxSkew: {{ default 1 .maxSkew }}
          labelSelector:
            matchLabels:
              {{- include "tollgate.selectorLabels" $root | nindent 14 }}
              app.kubernetes.io/component: {{ $.plane }}
        {{- end }}
      {{- end }}
      {{- with $root.Values.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end -}}
