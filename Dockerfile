# syntax=docker/dockerfile:1
#
# Two stages: one builds with all tools, the other is made of nothing but what runs. The image has no shell, no package
# manager and no files that its user may write. docs/container.md tells how to run it, pin it and build it again bit
# by bit.
ARG NODE_IMAGE=docker.io/library/node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
# The scripts of packages stay off: nothing that is installed here may run by being installed.
ENV npm_config_ignore_scripts=true npm_config_update_notifier=false
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY rolldown.config.ts ./
COPY src ./src
COPY LICENSE ./
# One program with all packages in it (docs/adr/0040-one-program.md).
RUN npm run build
COPY config ./config
# The program's own files, node, and the libraries that node is linked to: all that the image will hold.
RUN set -eu; \
    mkdir -p /image/app /image/etc/tollgate /image/usr/local/bin; \
    cp -R LICENSE dist config /image/app/; \
    find /image/app -name '*.map' -delete; \
    cp /usr/local/bin/node /image/usr/local/bin/node; \
    ldd /usr/local/bin/node | grep -oE '/[^ ]+' | while read -r library; do \
      mkdir -p "/image$(dirname "$library")"; cp -L "$library" "/image$library"; \
    done; \
    printf 'tollgate:x:65532:65532::/nonexistent:/nologin\n' > /image/etc/passwd; \
    printf 'tollgate:x:65532:\n' > /image/etc/group; \
    printf 'hosts: files dns\n' > /image/etc/nsswitch.conf; \
    chmod -R u=rwX,go=rX /image

FROM scratch
COPY --from=build /image /
# Why young objects have the room they have, and V8 one thread beside ours: docs/adr/0039-young-objects.md, 0041-one-helper.md.
ENV NODE_ENV=production NODE_OPTIONS="--max-semi-space-size=16 --v8-pool-size=1"
WORKDIR /app
USER 65532:65532
EXPOSE 8080 8081 9090
# Over loopback inside the container, where listen.metrics is 0.0.0.0:9090 or 127.0.0.1:9090.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/node", "/app/dist/main.js", "health"]
# SIGTERM, which is the default, drains.
ENTRYPOINT ["/usr/local/bin/node", "--min-semi-space-size=16", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/tollgate/tollgate.yaml"]
