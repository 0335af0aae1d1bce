{{/*
tollgate.yaml: what the values say, and what only the chart knows. Files are written by machines here, so they are
looked at. While the store is away each gateway admits its part of every maximum, so limit.gateways is the most
gateways that there can be.
*/}}
{{- define "tollgate.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $forward := default dict $config.forward -}}
{{- if not $forward.upstreams -}}
{{- fail "config.forward.upstreams: say where requests go" -}}
{{- end -}}
{{- range $name := list "proxy" "admin" "metrics" -}}
{{- if hasKey (default dict $config.listen) $name -}}
{{- fail (printf "config.listen.%s is the chart's: leave it out" $name) -}}
{{- end -}}
{{- end -}}
{{- if hasKey $config "store" -}}
{{- fail "config.store is the chart's: say it in redis" -}}
{{- end -}}
{{- $listen := merge (dict "proxy" "0.0.0.0:8080" "admin" "0.0.0.0:8081" "metrics" "0.0.0.0:9090") (default dict $config.listen) -}}
{{- $limit := merge (default dict $config.limit) (dict "gateways" (include "tollgate.mostGateways" . | int)) -}}
{{- $store := dict "kind" "redis" "url" "${TOLLGATE_REDIS_URL}" "prefix" .Values.redis.prefix "commandTimeout" .Values.redis.commandTimeout -}}
{{- range $name := list "identity" "durability" "tls" -}}
{{- with get $.Values.redis $name -}}
{{- $_ := set $store $name . -}}
{{- end -}}
{{- end -}}
{{- $reload := merge (default dict $config.reload) (dict "checkEvery" "10s") -}}
{{- $_ := set $config "listen" $listen -}}
{{- $_ := set $config "reload" $reload -}}
{{- $_ := set $config "limit" $limit -}}
{{- $_ := set $config "store" $store -}}
{{- if or .Values.pepper.value .Values.pepper.existingSecret.name -}}
{{- $_ := set $config "resolve" (merge (default dict $config.resolve) (dict "pepper" "${TOLLGATE_PEPPER}")) -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* HTTPS where the configuration makes port 9090 speak TLS, else HTTP. */}}
{{- define "tollgate.metricsScheme" -}}
{{- $tls := default dict (default dict .Values.config.listen).tls -}}
{{- if and $tls.certificates (contains "metrics" (toString $tls.listeners)) -}}
{{- if eq (toString $tls.clientCertificates) "required" -}}
{{- fail "config.listen.tls: the kubelet's probes show no certificate: take metrics out of listeners, or make clientCertificates optional" -}}
{{- end -}}
HTTPS
{{- else -}}
HTTP
{{- end -}}
{{- end -}}

{{/* A duration as the configuration writes it, in whole seconds, rounded up. */}}
{{- define "tollgate.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- if eq $unit "ms" }}{{ div (add $number 999) 1000 }}{{ else }}{{ mul $number (get (dict "s" 1 "m" 60 "h" 3600) $unit | default 1) }}{{ end -}}
{{- end -}}

{{/* Refuses a plane whose Pods would be killed before they have stopped. Takes root, plane and values. */}}
{{- define "tollgate.checkGrace" -}}
{{- $listen := default dict .root.Values.config.listen -}}
{{- $delay := include "tollgate.seconds" (default "0s" $listen.drainDelay) | int -}}
{{- $drain := include "tollgate.seconds" (default "25s" $listen.drainTimeout) | int -}}
{{- $needed := add .values.preStopSeconds $delay $drain -}}
{{- if le (int .values.terminationGracePeriodSeconds) (int $needed) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds: must be more than %d, which preStopSeconds, listen.drainDelay and listen.drainTimeout take together" .plane $needed) -}}
{{- end -}}
{{- end -}}

{{- define "tollgate.mostGateways" -}}
{{- $pods := ternary .Values.gateway.autoscaling.maxReplicas .Values.gateway.replicas .Values.gateway.autoscaling.enabled | int -}}
{{- mul (max 1 $pods) (default 1 .Values.config.workers | int) -}}
{{- end -}}

{{/* The variables that hold secrets, each from the Secret that has it. */}}
{{- define "tollgate.env" -}}
{{- $own := include "tollgate.fullname" . -}}
- name: TOLLGATE_REDIS_URL
  valueFrom:
    secretKeyRef:
      name: {{ default $own .Values.redis.existingSecret.name }}
      key: {{ ternary .Values.redis.existingSecret.key "redis-url" (ne .Values.redis.existingSecret.name "") }}
{{- if or .Values.pepper.value .Values.pepper.existingSecret.name }}
- name: TOLLGATE_PEPPER
  valueFrom:
    secretKeyRef:
      name: {{ default $own .Values.pepper.existingSecret.name }}
      key: {{ ternary .Values.pepper.existingSecret.key "pepper" (ne .Values.pepper.existingSecret.name "") }}
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "tollgate.bootstrapEnv" -}}
{{- if or .Values.bootstrap.token .Values.bootstrap.existingSecret.name }}
- name: TOLLGATE_BOOTSTRAP_TOKEN
  valueFrom:
    secretKeyRef:
      name: {{ default (include "tollgate.fullname" .) .Values.bootstrap.existingSecret.name }}
      key: {{ ternary .Values.bootstrap.existingSecret.key "bootstrap-token" (ne .Values.bootstrap.existingSecret.name "") }}
{{- end }}
{{- end -}}
