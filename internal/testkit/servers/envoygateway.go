package servers

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const (
	// EnvoyVersion is that of the Envoy that the real Envoy Gateway runs.
	EnvoyVersion = "1.40.0"
	// EnvoyGatewayController is the spec.controllerName of its GatewayClasses.
	EnvoyGatewayController = "gateway.envoyproxy.io/gatewayclass-controller"
)

// EnvoyGateway starts a real Envoy Gateway, which serves the Gateways of a folder of manifests by an Envoy on this machine, at the ports of
// their listeners. The EnvoyProxy of their GatewayClass must name provider Host and EnvoyVersion. Both listen on all addresses: call it
// in a network namespace of its own (OwnNetwork). The log is that of both. Ready is called repeatedly until it returns nil.
func EnvoyGateway(t testing.TB, manifests string, ready func(context.Context) error) *Process {
	t.Helper()
	folder := Folder(t, "envoy-gateway")
	dir := scratch(t)
	environment := []string{"HOME=" + dir, "TMPDIR=" + dir}
	program := filepath.Join(folder, "envoy-gateway")
	config := filepath.Join(dir, "config")
	certificates := exec.CommandContext(t.Context(), program, "certgen", "--local", "--config-home", config)
	certificates.Env = append(os.Environ(), environment...)
	run(t, certificates)
	// Where it looks for Envoy before it downloads it.
	bin := filepath.Join(dir, "data", "envoy-versions", EnvoyVersion, "bin")
	if err := os.MkdirAll(bin, 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(folder, "envoy"), filepath.Join(bin, "envoy")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "envoy-gateway.yaml")
	writeText(t, path, fmt.Sprintf(`apiVersion: gateway.envoyproxy.io/v1alpha1
kind: EnvoyGateway
gateway: {controllerName: %s}
extensionApis: {enableBackend: true}
provider:
  type: Custom
  custom:
    resource: {type: File, file: {paths: [%q]}}
    infrastructure:
      type: Host
      host: {configHome: %s, dataHome: %[4]s/data, stateHome: %[4]s/state, runtimeDir: %[4]s/run}
`, EnvoyGatewayController, manifests, config, dir))
	path, line := leashed(program, "server", "--config-path", path)
	return Start(t, Spec{Name: "envoy-gateway", Path: path, Args: line, Dir: dir, Env: environment, Ready: ready})
}
