package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DefaultGitInterval is the default of spec.manifestsFrom[].git.interval.
const DefaultGitInterval = 5 * time.Minute

// GitManifests are YAML files in a folder of a Git repository and the folders below it. Symbolic links, submodules and files in LFS are not
// followed: they are invalid manifests, and so is a file of more than 1 MiB. A revision of the repository may have 8 MiB as the server
// sends it and 24 MiB unpacked, and the folder 1000 files of 8 MiB together.
type GitManifests struct {
	// url of the repository: https://HOST/PATH or ssh://USER@HOST/PATH, without credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://[^\s?#]+$`
	URL string `json:"url"`
	// ref is what to read. Defaults to the default branch of the repository.
	// +optional
	Ref *GitRef `json:"ref,omitempty"`
	// path of the folder, for example apps/shop. Defaults to the whole repository.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^/\s][^\s\\]*[^/\s]$|^[^/\s]$`
	// +optional
	Path string `json:"path,omitempty"`
	// secretRef is the Secret with the credentials, which spec.serviceAccountName reads. For https: token, or username and password, and
	// optionally ca.crt. For ssh: ssh-privatekey and known_hosts, which must have the key of the server. Without it, nothing is sent to log
	// in.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
	// interval between two looks for a new commit, from 30s to 24h. Defaults to 5m. The annotation kubeops.io/requested-at on the bundle
	// looks at once.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('30s') && duration(self) <= duration('24h')",message="interval must be between 30s and 24h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// GitRef is a branch, a tag or a commit.
// +kubebuilder:validation:XValidation:rule="[has(self.branch), has(self.tag), has(self.commit)].filter(x, x).size() == 1",message="set one of branch, tag and commit"
type GitRef struct {
	// branch whose last commit is read.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./+@#]*$`
	// +optional
	Branch string `json:"branch,omitempty"`
	// tag whose commit is read. It is looked up every interval: tags can be moved.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./+@#]*$`
	// +optional
	Tag string `json:"tag,omitempty"`
	// commit as its full hash. The server must send single commits, as those of GitHub, GitLab and Gitea do.
	// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
	// +optional
	Commit string `json:"commit,omitempty"`
}

// Period returns interval or its default.
func (g *GitManifests) Period() time.Duration {
	if g.Interval != nil {
		return g.Interval.Duration
	}
	return DefaultGitInterval
}

// GitSecrets are the names of the Secrets of Git sources.
func (s *ResourceBundleSpec) GitSecrets() (names []string) {
	for _, from := range s.ManifestsFrom {
		if from.Git != nil && from.Git.SecretRef != nil {
			names = append(names, from.Git.SecretRef.Name)
		}
	}
	return names
}

// BundleSource is the state of a Git source.
type BundleSource struct {
	// source is its place in the spec, for example manifestsFrom[0].
	Source string `json:"source"`
	// revision is the commit whose manifests are applied; empty if none is known.
	// +optional
	Revision string `json:"revision,omitempty"`
	// message is why the repository could not be read; empty if it could. The manifests of the revision stay applied.
	// +optional
	Message string `json:"message,omitempty"`
}

// InventorySource is a folder of a Git repository that the objects of an inventory come from.
type InventorySource struct {
	// url of the repository.
	URL string `json:"url"`
	// path of the folder; empty for the whole repository.
	// +optional
	Path string `json:"path,omitempty"`
	// revision is the commit.
	Revision string `json:"revision"`
}
