package cli

import (
	"fmt"
	"os"
	"slices"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/manifests"
)

// configName is the file that a repository may keep its rules in.
const configName = ".kubeops.yaml"

// repositoryConfig is that file. Its fields are those of an Inspection's spec.
type repositoryConfig struct {
	// Checks to run and to leave out.
	Checks v1alpha1.CheckSelection `json:"checks"`
	// Ignore leaves findings out, each with a reason.
	Ignore []v1alpha1.IgnoreRule `json:"ignore"`
	// ExcludeNamespaces are names or globs of namespaces to leave out.
	ExcludeNamespaces []string `json:"excludeNamespaces"`
	// Thresholds are the patience of the checks.
	Thresholds v1alpha1.Thresholds `json:"thresholds"`
	// AllowedRegistries are the registries that images may come from; empty for all.
	AllowedRegistries []string `json:"allowedRegistries"`
	// FailOn is what --fail-on says when it is not given.
	FailOn v1alpha1.Severity `json:"failOn"`
}

// readConfig reads the named file; without a name, the one in the current directory, if there is one.
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
	if err := manifests.DecodeStrict(name, text, "the configuration", config); err != nil {
		return nil, err
	}
	return config, config.validate(name)
}

func (c *repositoryConfig) validate(name string) error {
	if c.FailOn != "" && !slices.Contains(severityNames(), string(c.FailOn)) {
		return fmt.Errorf("%s: failOn takes %s, not %q", name, joinWords(severityNames()), c.FailOn)
	}
	for i, rule := range c.Ignore {
		switch {
		case rule.Check == "" && rule.Namespace == "" && rule.Name == "":
			return fmt.Errorf("%s: ignore[%d] must set check, namespace or name, or it would hide everything", name, i)
		case rule.Reason == "":
			return fmt.Errorf("%s: ignore[%d] must set reason, so that the next person knows why", name, i)
		}
	}
	return nil
}

// params are the thresholds, where they are set.
func (c *repositoryConfig) params(grace time.Duration) check.Params {
	params := check.DefaultParams()
	params.StartupGrace, params.AllowedRegistries = grace, c.AllowedRegistries
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
