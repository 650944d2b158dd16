// Package v1alpha1 holds the configuration of the KubeOps manager, group config.kubeops.io.
//
// These types are read from files and are not resources of a cluster: they have no CRD. The package imports the Kubernetes API
// machinery only, which lets other programs write the configuration without depending on the operator.
package v1alpha1

// Group, Version and Kind of the configuration, and the apiVersion that a file states.
const (
	Group      = "config.kubeops.io"
	Version    = "v1alpha1"
	APIVersion = Group + "/" + Version
	Kind       = "ManagerConfig"
)
