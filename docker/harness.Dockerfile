# The harness with its bundled upstream and sidecar. Build from the root of the repository:
#   docker build --file docker/harness.Dockerfile --tag harness .
FROM rust:1.98.1-bookworm@sha256:93ce27a88655056a51dbdd8f5f2d7ddc071c7b0070fb288a37b5a285fc83971e AS builder
WORKDIR /source
COPY . .
# The binary is static and needs only CA certificates, the order of name services, and a folder for temporary files.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --release --locked --package harness --bin harness --target "$target" \
    && mkdir -p /image/app /image/etc/ssl/certs /image/tmp \
    && chmod 1777 /image/tmp \
    && cp "target/$target/release/harness" /image/app \
    && cp /etc/nsswitch.conf /image/etc \
    && cp /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs

FROM scratch
COPY --from=builder /image /
ENTRYPOINT ["/app/harness"]
