# The reference sidecar. Build from the root of the repository:
#   docker build --file docker/reference-sidecar.Dockerfile --tag reference-sidecar .
FROM rust:1.98.1-bookworm@sha256:93ce27a88655056a51dbdd8f5f2d7ddc071c7b0070fb288a37b5a285fc83971e AS builder
WORKDIR /source
COPY . .
# The binary is static and needs no other files.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
    && RUSTFLAGS="-C target-feature=+crt-static" \
       cargo build --release --locked --package harness-mock-upstream --bin reference-sidecar --target "$target" \
    && cp "target/$target/release/reference-sidecar" /reference-sidecar

FROM scratch
COPY --from=builder /reference-sidecar /app/reference-sidecar
USER 65534:65534
HEALTHCHECK --interval=5s --start-period=2s CMD ["/app/reference-sidecar", "healthy", "127.0.0.1:8082/health"]
ENTRYPOINT ["/app/reference-sidecar"]
CMD ["--listen", "0.0.0.0:8081", "--admin", "0.0.0.0:8082"]
