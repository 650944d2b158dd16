package main

import (
	"flag"
	"fmt"
	"io"

	"kubeops.io/kubeops/api/config/v1alpha1"
	"kubeops.io/kubeops/internal/managerconfig"
)

// commandLine is what the flags state. All other settings are fields of the configuration file.
type commandLine struct {
	config, output         string
	print, policy, version bool
	overrides              []managerconfig.Override
}

// parse flags. Usage and errors of the flag package go to the output.
func parse(args []string, output io.Writer) (commandLine, error) {
	var line commandLine
	defaults := managerconfig.Default()
	flags := flag.NewFlagSet("manager", flag.ContinueOnError)
	flags.SetOutput(output)
	flags.StringVar(&line.config, "config", "",
		"configuration `file`, or a folder of *.yaml files in which later names override earlier ones (default: built-in defaults)")
	flags.BoolVar(&line.print, "print-config", false, "validate the configuration, print the effective one without credentials, and exit")
	flags.BoolVar(&line.policy, "print-network-policy", false, "print the NetworkPolicy of the manager for backends.egress, and exit")
	flags.BoolVar(&line.version, "version", false, "print the version and the commit, and exit")
	flags.StringVar(&line.output, "o", "", "with --version: json (default: one line of text)")
	level := flags.String("log-level", string(defaults.Logging.Level), "override logging.level: debug, info, warn or error")
	metrics := flags.String("metrics-bind-address", defaults.Metrics.BindAddress,
		"override metrics.bindAddress: [host]:port, or 0 to disable")
	health := flags.String("health-probe-bind-address", defaults.Health.BindAddress,
		"override health.bindAddress: [host]:port, or 0 to disable")
	elect := flags.Bool("leader-elect", defaults.LeaderElection.Enabled, "override leaderElection.enabled")
	loopback := flags.Bool("allow-loopback-backends", defaults.Backends.AllowLoopback, "override backends.allowLoopback")
	if err := flags.Parse(args); err != nil {
		return line, err
	}
	if line.output != "" && line.output != "json" || line.output != "" && !line.version {
		return line, fmt.Errorf("invalid -o %q: the only value is json, with --version", line.output)
	}
	if flags.NArg() > 0 {
		return line, fmt.Errorf("unexpected argument %q; -h lists the flags", flags.Arg(0))
	}
	overrides := map[string]managerconfig.Override{
		"log-level": {
			Path: "logging.level", Set: func(c *v1alpha1.ManagerConfig) { c.Logging.Level = v1alpha1.LogLevel(*level) },
		},
		"metrics-bind-address": {
			Path: "metrics.bindAddress", Set: func(c *v1alpha1.ManagerConfig) { c.Metrics.BindAddress = *metrics },
		},
		"health-probe-bind-address": {
			Path: "health.bindAddress", Set: func(c *v1alpha1.ManagerConfig) { c.Health.BindAddress = *health },
		},
		"leader-elect": {
			Path: "leaderElection.enabled", Set: func(c *v1alpha1.ManagerConfig) { c.LeaderElection.Enabled = *elect },
		},
		"allow-loopback-backends": {
			Path: "backends.allowLoopback", Set: func(c *v1alpha1.ManagerConfig) { c.Backends.AllowLoopback = *loopback },
		},
	}
	// A flag overrides the file only if it is on the command line.
	flags.Visit(func(set *flag.Flag) {
		if override, exists := overrides[set.Name]; exists {
			override.Flag = "--" + set.Name
			line.overrides = append(line.overrides, override)
		}
	})
	return line, nil
}
