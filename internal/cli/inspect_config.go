package cli

import (
	"fmt"
	"os"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/terminal"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/inspect/manifests"
	"kubeops.io/kubeops/internal/names"
)

// configName is the configuration file that a repository can have in its root.
const configName = ".kubeops.yaml"

// repositoryConfig is the content of that file. Its fields have the names and meaning of an Inspection's spec.
type repositoryConfig struct {
	// Checks to include and exclude.
	Checks v1alpha1.CheckSelection `json:"checks"`
	// Ignore hides findings; every rule has a reason.
	Ignore []v1alpha1.IgnoreRule `json:"ignore"`
	// ExcludeNamespaces are names or globs.
	ExcludeNamespaces []string `json:"excludeNamespaces"`
	// Thresholds override the time windows of the checks.
	Thresholds v1alpha1.Thresholds `json:"thresholds"`
	// AllowedRegistries for images; empty allows all.
	AllowedRegistries []string `json:"allowedRegistries"`
	// FailOn is the default of --fail-on.
	FailOn v1alpha1.Severity `json:"failOn"`
}

// readConfig reads the named file. Without a name, it reads configName in the current directory, if that exists.
func readConfig(name string) (*repositoryConfig, error) {
	config := &repositoryConfig{}
	if name == "" {
		if !exists(configName) {
			return config, nil
		}
		name = configName
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if err := manifests.DecodeStrict(name, text, config); err != nil {
		return nil, err
	}
	return config, config.validate(name)
}

func (c *repositoryConfig) validate(name string) error {
	if c.FailOn != "" && !slices.Contains(severityNames(), string(c.FailOn)) {
		return fmt.Errorf("%s: invalid failOn %q: must be one of %s", name, c.FailOn, terminal.JoinWords(severityNames()))
	}
	for i, rule := range c.Ignore {
		switch {
		case rule.Check == "" && rule.Namespace == "" && rule.Name == "":
			return fmt.Errorf("%s: ignore[%d] must set check, namespace or name; without one it would hide everything", name, i)
		case rule.Reason == "":
			return fmt.Errorf("%s: ignore[%d] must set reason", name, i)
		}
		if err := check.Known(checks.Builtin(), rule.Check); rule.Check != "" && err != nil {
			return fmt.Errorf("%s: ignore[%d].check: %w; run `kubeops checks` to list all checks", name, i, err)
		}
	}
	for i, entry := range c.ExcludeNamespaces {
		if err := names.Namespaces(fmt.Sprintf("%s: excludeNamespaces[%d]", name, i), entry); err != nil {
			return err
		}
	}
	return nil
}

// params are the defaults of the checks, overridden by the thresholds that are set.
func (c *repositoryConfig) params(grace time.Duration) check.Params {
	params := check.DefaultParams()
	params.StartupGrace = grace
	params.AllowedRegistries = c.AllowedRegistries
	if t := c.Thresholds.StartupGrace; t != nil {
		params.StartupGrace = t.Duration
	}
	if t := c.Thresholds.TerminatingGrace; t != nil {
		params.TerminatingGrace = t.Duration
	}
	if t := c.Thresholds.RecentWindow; t != nil {
		params.RecentWindow = t.Duration
	}
	return params
}
