// Command demo is the pipeline of `make demo PIPELINE=1`: it starts the servers between a push and the Pods, pushes a shop that works and
// one that breaks, and prints what happens. The servers stay until it gets a signal.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/tools/clientcmd"

	"kubeops.io/kubeops/internal/testkit/line"
)

const (
	// patience is how long a run, or a resource, may take.
	patience = 5 * time.Minute
	// ready is the line by which the script knows that the demo has been shown.
	ready = "The servers of the pipeline run until make demo-down."
)

// demo of a pipeline on a local cluster.
type demo struct {
	*session
	line *line.Line
	// bin has kubeops, and kubeconfig is that of the cluster.
	bin, kubeconfig string
	out             io.Writer
}

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatalf("ERROR: %v", err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if isBuild, err := line.Build(ctx); isBuild || err != nil {
		return err
	}
	d := &demo{session: &session{ctx: ctx}, out: os.Stdout}
	flags := flag.NewFlagSet("demo", flag.ExitOnError) // controller-runtime adds flags to the default set
	flags.StringVar(&d.bin, "bin", "bin", "folder with kubeops")
	flags.StringVar(&d.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "kubeconfig of the local cluster")
	if err := flags.Parse(os.Args[1:]); err != nil {
		return err
	}
	return d.run()
}

// run the demo, until there is a signal.
func (d *demo) run() (err error) {
	defer d.end()
	defer func() {
		switch reason := recover().(type) {
		case nil:
		case fatal:
			err = errors.New(string(reason))
		default:
			panic(reason)
		}
	}()
	d.start()
	works := d.push("Pushing a shop that works", "Open the shop", line.Order, false)
	breaks := d.push("Pushing a shop whose first order breaks it", "Break the shop", line.BrokenOrder, true)
	d.kubeops("pipeline", "graph", breaks, "-n", line.Namespace)
	d.say(fmt.Sprintf(`
What to look at
  kubeops pipeline get %[1]s -n %[3]s               # the run that succeeded
  kubeops pipeline get %[2]s -n %[3]s               # the one that was rolled back, with the root cause
  kubeops pipeline graph %[1]s -n %[3]s -o mermaid  # its stages, for Markdown
  kubectl -n %[3]s get pipelineruns
  kubectl -n %[4]s get pods
  %[5]s/job/shop/1/consoleText  the log of the first build
  %[6]s  Argo CD
  %[7]s  the shop
`, works, breaks, line.Namespace, line.ShopNamespace, d.line.URL("HUDSON"), d.line.URL("ARGOCD"), d.line.ShopURL("/")))
	d.say(ready)
	<-d.ctx.Done()
	return nil
}

func (d *demo) say(text string) { fmt.Fprintln(d.out, text) }

func (d *demo) step(text string) { d.say("\n\033[1m==> " + text + "\033[0m") }

// start the servers, and create the Pipeline.
func (d *demo) start() {
	d.step("Starting Git, the build server, the registry, Prometheus, Loki and Argo CD")
	config, err := clientcmd.BuildConfigFromFlags("", d.kubeconfig)
	if err != nil {
		d.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(filepath.Dir(d.kubeconfig), "state.json"))
	if err != nil {
		d.Fatal(err)
	}
	var state struct {
		Directory  string
		Network    struct{ Namespace, HostIP, NodeIP string }
		Containerd struct{ RegistryHosts string }
	}
	if err := json.Unmarshal(content, &state); err != nil {
		d.Fatal(err)
	}
	d.line = line.New(d.session, line.Options{
		Config: config, HostIP: state.Network.HostIP, NodeIP: state.Network.NodeIP, NetworkNamespace: state.Network.Namespace,
		RegistryHosts: state.Containerd.RegistryHosts, PodLogs: filepath.Join(state.Directory, "node", "log", "pods"),
	})
	for _, namespace := range []string{line.Namespace, line.ShopNamespace} {
		d.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: " + namespace + "}\n")
	}
	d.step("Deploying the shop by hand, as it was before its Pipeline")
	for _, name := range []string{"deployment.yaml", "service.yaml"} {
		d.command(d.line.Manifest(d.session, name), "kubectl", "-n", line.ShopNamespace, "apply", "--server-side", "-f", "-")
	}
	d.command("", "kubectl", "-n", line.ShopNamespace, "rollout", "status", "deployment/shop", "--timeout=120s")
	d.step("Creating the Pipeline: build, image, promote, deploy, errors and logs, health")
	d.apply(d.line.Manifest(d.session, "application.yaml"))
	d.apply(d.line.Manifest(d.session, "pipeline.yaml"))
	for _, resource := range []string{
		"ciprovider/hudson", "cdprovider/argocd", "metricsbackend/prometheus", "logbackend/loki", "pipeline/shop",
	} {
		d.command("", "kubectl", "-n", line.Namespace, "wait", "--for=condition=Ready", resource, "--timeout=120s")
	}
}

// push the shop with a command order, and wait for its run, whose name it returns. A broken shop is called once it runs.
func (d *demo) push(title, message, order string, broken bool) string {
	d.step(title)
	files := line.Shop(d.session, order)
	files["app/www/index.html"] = message + "\n"
	commit, run, err := d.line.Push(d.ctx, message, files)
	if err != nil {
		d.Fatal(err)
	}
	d.say("git push: commit " + commit[:12] + "; the webhook started PipelineRun " + run)
	if broken {
		d.await(run, "{.status.stages[?(@.name=='deploy')].phase}", "Succeeded")
		d.say("The new Pods run. A customer orders.")
		_, _ = d.line.Call(d.ctx, line.Orders) // ends the shop, so that there may be no answer
	}
	d.await(run, "{.status.completionTime}", "")
	d.kubeops("pipeline", "get", run, "-n", line.Namespace)
	d.step("The shop answers")
	answer := ""
	d.until("the shop answers", func(ctx context.Context) (err error) {
		answer, err = d.line.Call(ctx, line.Orders)
		return err
	})
	d.say(strings.TrimSpace(answer))
	return run
}

// await a value of a run; "" is any.
func (d *demo) await(run, path, want string) {
	d.until("PipelineRun "+run, func(context.Context) error {
		got := strings.TrimSpace(d.command("", "kubectl", "-n", line.Namespace, "get", "pipelinerun", run, "-o", "jsonpath="+path))
		if got == "" || want != "" && got != want {
			return fmt.Errorf("is not there yet: %q", got)
		}
		return nil
	})
}

func (d *demo) until(what string, holds func(context.Context) error) {
	var last error
	err := wait.PollUntilContextTimeout(d.ctx, time.Second, patience, true, func(ctx context.Context) (bool, error) {
		last = holds(ctx)
		return last == nil, nil
	})
	if err != nil {
		d.Fatalf("%s: %v", what, last)
	}
}

func (d *demo) apply(manifest string) {
	d.command(manifest, "kubectl", "apply", "--server-side", "-f", "-")
}

// kubeops prints what the command line prints.
func (d *demo) kubeops(args ...string) {
	d.say("\n$ kubeops " + strings.Join(args, " "))
	d.say(d.command("", filepath.Join(d.bin, "kubeops"), args...))
}

// command returns the output of a program that must succeed.
func (d *demo) command(input, program string, args ...string) string {
	command := exec.CommandContext(d.ctx, program, args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+d.kubeconfig)
	command.Stdin = strings.NewReader(input)
	var problems strings.Builder
	command.Stderr = &problems
	output, err := command.Output()
	if err != nil {
		d.Fatalf("%s %s: %v: %s", program, strings.Join(args, " "), err, problems.String())
	}
	return string(output)
}
