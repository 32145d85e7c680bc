# The harness with its bundled upstream and sidecar. Build from the root of the repository:
#   docker build --file docker/harness.Dockerfile --tag harness .
FROM rust:1-bookworm AS builder
WORKDIR /source
COPY . .
RUN cargo build --release --locked --package harness --bin harness

# Contains the same C library as the builder, CA certificates, and no shell.
FROM gcr.io/distroless/cc-debian12
LABEL org.opencontainers.image.base.name="gcr.io/distroless/cc-debian12"
COPY --from=builder /source/target/release/harness /app/harness
ENTRYPOINT ["/app/harness"]
