package comparison

import (
	"cmp"
	"slices"
	"strings"
)

// Clusters are the clusters that are compared.
type Clusters struct {
	// List has at least two clusters, in the order of their names.
	List []*Cluster
	// Fields are the paths at which the schemas of a version differ, where they were read.
	Fields map[SchemaVersion][]string
}

// SchemaVersion is a version of a CustomResourceDefinition.
type SchemaVersion struct{ Definition, Version string }

// SchemaSkew is a version whose schema differs between clusters.
type SchemaSkew struct {
	SchemaVersion
	// Groups are the names of the clusters with one schema each: the largest group first.
	Groups [][]string
}

// VersionSkew is a version that only some of the clusters with its CustomResourceDefinition serve.
type VersionSkew struct {
	SchemaVersion
	// Served and Missing are the names of the clusters that serve it, and of those that do not.
	Served, Missing []string
}

// definedIn lists the clusters that have each CustomResourceDefinition, by its name. Clusters whose definitions were not completely read
// are left out.
func (c *Clusters) definedIn() map[string]map[string]*Definition {
	defined := map[string]map[string]*Definition{}
	for _, cluster := range c.List {
		if !cluster.DefinitionsRead {
			continue
		}
		for i := range cluster.Definitions {
			definition := &cluster.Definitions[i]
			if defined[definition.Name] == nil {
				defined[definition.Name] = map[string]*Definition{}
			}
			defined[definition.Name][cluster.Name] = definition
		}
	}
	return defined
}

// versions of a CustomResourceDefinition that any of the clusters serves, sorted.
func versions(definitions map[string]*Definition) []string {
	var names []string
	for _, definition := range definitions {
		for _, v := range definition.Served {
			names = append(names, v.Name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// SchemaSkews are the versions whose schema differs, in the order of their names.
func (c *Clusters) SchemaSkews() []SchemaSkew {
	var skews []SchemaSkew
	for name, definitions := range c.definedIn() {
		for _, version := range versions(definitions) {
			bySchema := map[string][]string{}
			for cluster, definition := range definitions {
				if hash, served := definition.Schema(version); served && hash != "" {
					bySchema[hash] = append(bySchema[hash], cluster)
				}
			}
			if len(bySchema) < 2 {
				continue
			}
			skew := SchemaSkew{SchemaVersion: SchemaVersion{name, version}}
			for _, clusters := range bySchema {
				slices.Sort(clusters)
				skew.Groups = append(skew.Groups, clusters)
			}
			slices.SortFunc(skew.Groups, func(a, b []string) int {
				return cmp.Or(cmp.Compare(len(b), len(a)), slices.Compare(a, b))
			})
			skews = append(skews, skew)
		}
	}
	slices.SortFunc(skews, func(a, b SchemaSkew) int { return a.compare(b.SchemaVersion) })
	return skews
}

// VersionSkews are the versions that are not served by each cluster with the CustomResourceDefinition, in the order of their names.
func (c *Clusters) VersionSkews() []VersionSkew {
	var skews []VersionSkew
	for name, definitions := range c.definedIn() {
		for _, version := range versions(definitions) {
			skew := VersionSkew{SchemaVersion: SchemaVersion{name, version}}
			for cluster, definition := range definitions {
				if _, served := definition.Schema(version); served {
					skew.Served = append(skew.Served, cluster)
				} else {
					skew.Missing = append(skew.Missing, cluster)
				}
			}
			if len(skew.Missing) == 0 {
				continue
			}
			slices.Sort(skew.Served)
			slices.Sort(skew.Missing)
			skews = append(skews, skew)
		}
	}
	slices.SortFunc(skews, func(a, b VersionSkew) int { return a.compare(b.SchemaVersion) })
	return skews
}

func (v SchemaVersion) compare(other SchemaVersion) int {
	return cmp.Or(strings.Compare(v.Definition, other.Definition), strings.Compare(v.Version, other.Version))
}
