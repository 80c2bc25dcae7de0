# docker build --target web .        the web process
# docker build --target workers .    the workers
#
# Neither image holds a secret or a setting beyond its addresses; both come from the environment at run time.

ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-bookworm AS build
WORKDIR /build

# Dependencies first, over empty sources: this layer is rebuilt only when a manifest or the lock file changes.
COPY Cargo.toml Cargo.lock ./
COPY workers/Cargo.toml workers/
COPY sandbox/Cargo.toml sandbox/
COPY bench/Cargo.toml bench/
RUN mkdir -p src workers/src sandbox/src bench/src tests/it \
 && for dir in src workers/src sandbox/src bench/src tests/it; do echo 'fn main() {}' > "$dir/main.rs"; done \
 && touch src/lib.rs workers/src/lib.rs sandbox/src/lib.rs \
 && cargo build --release --locked --package salon-core --package salon-workers --bins

COPY . .
# cargo compares times, and those of a checkout may be older than the empty sources built above.
RUN find src workers/src -name '*.rs' -exec touch {} + \
 && cargo build --release --locked --package salon-core --package salon-workers --bins

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
 && apt-get install --yes --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin salon
USER salon
# bash speaks HTTP well enough here, which saves the image a client. It is the shell of this line only.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 \
  CMD ["/bin/bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$HEALTH_PORT && printf 'GET /livez HTTP/1.0\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]

FROM runtime AS workers
COPY --from=build /build/target/release/salon-workers /usr/local/bin/
ENV SALON_WORKERS_OPS_ADDR=0.0.0.0:3393 HEALTH_PORT=3393
EXPOSE 3393
ENTRYPOINT ["/usr/local/bin/salon-workers"]
CMD ["run", "--queues", "all"]

FROM runtime AS web
COPY --from=build /build/target/release/salon-core /usr/local/bin/
# 3390 is for the erxes gateway, 3391 for the internet behind a proxy, 3392 for the operator: publish them accordingly.
ENV SALON_GRAPHQL_ADDR=0.0.0.0:3390 SALON_INGRESS_ADDR=0.0.0.0:3391 SALON_OPS_ADDR=0.0.0.0:3392 HEALTH_PORT=3392
EXPOSE 3390 3391 3392
ENTRYPOINT ["/usr/local/bin/salon-core"]
CMD ["serve"]
