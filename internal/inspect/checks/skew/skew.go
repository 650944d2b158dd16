// Package skew has the checks that compare clusters: versions, custom resources, images and workloads that differ between clusters which
// are inspected together.
package skew

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/comparison"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// maxNamed clusters in one message.
const maxNamed = 5

// Checks returns the checks of this package.
func Checks() []check.Check {
	return slices.Concat(clusterChecks(), definitionChecks(), workloadChecks())
}

// named lists clusters with their noun.
func named(clusters []string) string {
	return text.Plural(len(clusters), "cluster ", "clusters ") + text.List(clusters, maxNamed)
}

func clusterChecks() []check.Check {
	return []check.Check{{
		ID: "cluster-version-skew", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityMedium,
		Summary: "The Kubernetes versions of clusters are more than two minor versions apart.",
		Meaning: "Kubernetes maintains its three most recent minor versions, and kubectl supports API servers one minor version older or " +
			"newer. Where clusters are more than two minor versions apart, the oldest no longer receives security fixes, and no single " +
			"version of kubectl supports all of them. Smaller differences are normal during an upgrade and are not reported.",
		Remediation: "Upgrade the cluster in the evidence, one minor version at a time. Read the release notes for removed API versions.",
		Link:        "https://kubernetes.io/releases/version-skew-policy/",
		Compare:     versionSkew,
	}}
}

// kubeconfigCluster is the kind of the object of findings about a whole cluster: the type Cluster of kubeconfig files, version v1.
const kubeconfigCluster facts.Kind = "Cluster"

// maxMinors is how many minor versions clusters may be apart: with three maintained versions, the oldest is not maintained beyond it.
const maxMinors = 2

func versionSkew(c *comparison.Clusters) []check.ClusterFinding {
	var newest uint
	var with string
	for _, cluster := range c.List {
		if minor, known := cluster.Minor(); known && minor > newest {
			newest = minor
			with = cluster.Name
		}
	}
	var findings []check.ClusterFinding
	for _, cluster := range c.List {
		minor, known := cluster.Minor()
		if !known || newest-minor <= maxMinors {
			continue
		}
		findings = append(findings, check.ClusterFinding{Cluster: cluster.Name, Finding: check.Finding{
			Object: facts.Ref{Kind: kubeconfigCluster, Name: cluster.Name},
			Message: fmt.Sprintf("Cluster %s runs Kubernetes 1.%d, %d minor versions behind cluster %s (1.%d): Kubernetes maintains three.",
				cluster.Name, minor, newest-minor, with, newest),
			Evidence: []check.Evidence{
				check.FromCondition("version of cluster %s: %s", cluster.Name, cluster.Version),
				check.FromCondition("newest version: 1.%d in cluster %s", newest, with),
			},
		}})
	}
	return findings
}

func definitionChecks() []check.Check {
	const link = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"
	return []check.Check{
		{
			ID: "crd-schema-skew", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A version of a custom resource has different schemas in different clusters.",
			Meaning: "Clusters serve the same version of a custom resource with schemas that accept different objects. The API server " +
				"removes fields that its schema does not have, without an error, or rejects the object: a manifest that works in one " +
				"cluster loses settings in another. Descriptions, titles and examples are ignored. Usually the clusters run " +
				"different releases of the operator.",
			Remediation: "Install the same release of the operator, and of its CustomResourceDefinitions, in all clusters. Helm does not " +
				"upgrade definitions in the folder crds of a chart.",
			Link: link, Needs: []facts.Kind{facts.CRD}, Compare: schemaSkew,
		},
		{
			ID: "crd-version-skew", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A version of a custom resource is served in some clusters only.",
			Meaning: "Clusters have the same CustomResourceDefinition, but not all of them serve the version. Manifests and clients that " +
				"use it fail in the others. A definition that a cluster does not have is not reported.",
			Remediation: "Install the same release of the operator, and of its CustomResourceDefinitions, in all clusters, or use a " +
				"version that all of them serve.",
			Link: link, Needs: []facts.Kind{facts.CRD}, Compare: servedSkew,
		},
	}
}

// maxFields of a schema that are named.
const maxFields = 10

func schemaSkew(c *comparison.Clusters) []check.ClusterFinding {
	var findings []check.ClusterFinding
	for _, skew := range c.SchemaSkews() {
		finding := check.Finding{
			Object: facts.Ref{Kind: facts.CRD, Name: skew.Definition}, Discriminator: skew.Version,
			Message: fmt.Sprintf("Version %s of CustomResourceDefinition %s has different schemas in %s.", skew.Version, skew.Definition,
				named(slices.Concat(skew.Groups...))),
			Remediation: remedy.Sprintf("Install the same release of the operator in all clusters. Compare: `kubectl --context %s get crd "+
				"%s -o yaml` and `kubectl --context %s get crd %s -o yaml`.", skew.Groups[0][0], skew.Definition, skew.Groups[1][0],
				skew.Definition),
		}
		for i, group := range skew.Groups[:min(len(skew.Groups), maxNamed)] {
			finding.Evidence = append(finding.Evidence, check.FromSpec("schema %d: %s", i+1, named(group)))
		}
		switch fields, read := c.Fields[skew.SchemaVersion]; {
		case !read:
			finding.Evidence = append(finding.Evidence, check.FromSpec("fields that differ: not read"))
		case len(fields) > 0:
			finding.Evidence = append(finding.Evidence, check.FromSpec("%s between schemas 1 and 2: %s",
				text.CountOf(len(fields), "field differs", "fields differ"), text.List(fields, maxFields)))
		}
		findings = append(findings, check.ClusterFinding{Finding: finding})
	}
	return findings
}

func servedSkew(c *comparison.Clusters) []check.ClusterFinding {
	var findings []check.ClusterFinding
	for _, skew := range c.VersionSkews() {
		findings = append(findings, check.ClusterFinding{Finding: check.Finding{
			Object: facts.Ref{Kind: facts.CRD, Name: skew.Definition}, Discriminator: skew.Version,
			Message: fmt.Sprintf("Version %s of CustomResourceDefinition %s is served in %s, not in %s.", skew.Version, skew.Definition,
				named(skew.Served), named(skew.Missing)),
			Evidence: []check.Evidence{
				check.FromSpec("served: %s", strings.Join(skew.Served[:min(len(skew.Served), maxFields)], ", ")),
				check.FromSpec("not served: %s", strings.Join(skew.Missing[:min(len(skew.Missing), maxFields)], ", ")),
			},
		}})
	}
	return findings
}
