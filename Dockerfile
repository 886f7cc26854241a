# The broker's image: `docker build -t hawser:0.1.0 .`. It runs as 65532:65532 and listens on /run/hawser/hawser.sock.

FROM node:24-bookworm-slim AS build
WORKDIR /src
COPY . .
RUN npx -y pnpm@12 install --frozen-lockfile && bash .ci/deploy /app

FROM node:24-bookworm-slim
# Fixed numbers: the pod's fsGroup and runAsUser name them (docs/kubernetes/sidecar.yaml).
RUN groupadd --gid 65532 hawser \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin hawser \
 && install --directory --owner=65532 --group=65532 --mode=2770 /run/hawser \
 && ln -s /opt/hawser/dist/main.js /usr/local/bin/hawser
COPY --from=build /app /opt/hawser
ENV NODE_ENV=production
USER 65532:65532
# Drains: what runs is finished, nothing new is taken.
STOPSIGNAL SIGTERM
ENTRYPOINT ["hawser"]
CMD ["serve"]
