# The image of the manager, and with --target argocd-provider that of the plugin for Argo CD. Local clusters do not need Docker:
# `bin/cluster load-image` builds an image of the same program.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
COPY internal internal
COPY providers providers
# The version of a release; without it, `manager --version` prints (devel), since the image is built without the repository.
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X kubeops.io/kubeops/internal/buildinfo.release=${VERSION}" -o /manager ./cmd/manager
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X kubeops.io/kubeops/internal/buildinfo.release=${VERSION}" -o /argocd-provider ./cmd/argocd-provider

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
