// Command kube is the whole of Kubernetes in one program: etcd, the control plane, the node agents, kubectl, and a
// simulator of nodes for machines that cannot run a real one. It acts as the component whose name it is started under,
// so that one build and one file on disk (linked as etcd, kube-apiserver, kubelet and so on) serve a complete cluster.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"          // offers --logging-format=json, as the upstream mains do
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // registers client metrics, as the upstream mains do
	_ "k8s.io/component-base/metrics/prometheus/version"  // registers the version metric, as the upstream mains do
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	kubeproxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	name := filepath.Base(os.Args[0])
	var command *cobra.Command
	switch name {
	case "etcd":
		etcdmain.Main(os.Args)
		return
	case "kubectl":
		kubectlutil.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
		return
	case "kwok":
		os.Exit(runKwok())
	case "kube-apiserver":
		command = apiserver.NewAPIServerCommand()
	case "kube-controller-manager":
		command = controllermanager.NewControllerManagerCommand()
	case "kube-scheduler":
		command = scheduler.NewSchedulerCommand()
	case "kubelet":
		command = kubelet.NewKubeletCommand(context.Background())
	case "kube-proxy":
		command = kubeproxy.NewProxyCommand()
	default:
		fmt.Fprintf(os.Stderr, "kube: unknown component %q; start this program under the name of a component: etcd, kube-apiserver, "+
			"kube-controller-manager, kube-scheduler, kubelet, kube-proxy, kubectl or kwok\n", name)
		os.Exit(2)
	}
	os.Exit(cli.Run(command))
}
