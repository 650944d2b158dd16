# The image of the manager, and with --target argocd-provider that of the plugin for Argo CD. `make image` builds both without Docker, and
# gives the same digest each time.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY providers providers
# The version and the commit of a release; without them, `manager --version` prints (devel), since the image is built without the repository.
ARG VERSION=
ARG COMMIT=
ARG FLAGS="-s -w -X kubeops.io/kubeops/internal/buildinfo.release=${VERSION} -X kubeops.io/kubeops/internal/buildinfo.revision=${COMMIT}"
RUN CGO_ENABLED=0 go build -trimpath -ldflags "${FLAGS}" -o /manager ./cmd/manager
RUN CGO_ENABLED=0 go build -trimpath -ldflags "${FLAGS}" -o /argocd-provider ./cmd/argocd-provider

FROM scratch AS argocd-provider
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /argocd-provider /argocd-provider
USER 65532:65532
ENTRYPOINT ["/argocd-provider"]

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]
