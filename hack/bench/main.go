// Bench compares an inspection of a large cluster with a baseline: reading the same kinds once and dropping them. It fills
// an API server without controllers with workloads and their status, a tenth of which are broken in a dozen known ways, and
// checks whether each of them was found and whether healthy workloads were reported.
//
// The results are ratios to the baseline of the same run, since machines are shared and noisy.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1) //nolint:forbidigo // this is main
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("commands: load, floor, measure, table, continuous")
	}
	command, args := args[0], args[1:]
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	kubeconfig := flags.String("kubeconfig", os.Getenv("KUBECONFIG"), "path of the kubeconfig")
	pods := flags.Int("pods", 10_000, "load: Pods to make, ten for each Deployment")
	program := flags.String("kubeops", "bin/kubeops", "measure: the command line to measure")
	against := flags.String("against", "", "measure: another build of the command line, measured in the same rounds")
	rounds := flags.Int("rounds", 3, "measure: how often; the round with the median time counts")
	out := flags.String("out", "", "measure: file for the result as JSON")
	manager := flags.String("manager", "bin/manager", "continuous: the manager to measure")
	changes := flags.Int("changes", 200, "continuous: Pods to break, one after the other")
	outage := flags.Duration("outage", time.Minute, "continuous: how long the API server is away")
	patience := flags.Duration("patience", 30*time.Minute, "load: how long writing may take")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if command == "table" {
		return printTable(os.Stdout, flags.Args())
	}
	config, err := clientConfig(*kubeconfig)
	if err != nil {
		return err
	}
	switch command {
	case "load":
		return load(ctx, config, *kubeconfig, newWorld(*pods), *patience)
	case "floor":
		return floor(ctx, config, os.Stdout)
	case "measure":
		m := measurement{config: config, kubeconfig: *kubeconfig, program: *program, against: *against, rounds: *rounds}
		return m.run(ctx, newWorld(*pods), *out)
	case "continuous":
		c := continuous{config: config, manager: *manager, world: newWorld(*pods), changes: *changes, outage: *outage}
		return c.run(ctx)
	default:
		return fmt.Errorf("unknown command %s", command)
	}
}

func clientConfig(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	config.UserAgent = "kubeops-bench"
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return config, nil
}
