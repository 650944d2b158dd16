package v1alpha1

import "fmt"

// OutputChanged is an output of a commit stage: true if there was something to change, and false otherwise.
const OutputChanged = "changed"

// Defaults of the author of commits.
const (
	DefaultCommitName  = "KubeOps"
	DefaultCommitEmail = "noreply@kubeops.io"
)

// CommitStage commits changes of files to a branch of a Git repository, as one commit for each attempt. The branch is never forced: if
// others push at the same time, the changes are made again on the new tip. If the files have the values already, there is no commit, and
// the stage succeeds.
type CommitStage struct {
	// repository is the URL: https://HOST/PATH or ssh://USER@HOST/PATH, without credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://[^\s?#]+$`
	Repository string `json:"repository"`
	// branch that gets the commit. It must exist.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./+@#]*$`
	Branch string `json:"branch"`
	// secretRef is the Secret with the credentials. For https: token, or username and password, and optionally ca.crt. For ssh:
	// ssh-privatekey and known_hosts, which must have the key of the server.
	SecretRef SecretReference `json:"secretRef"`
	// changes of the commit, in this order.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +listType=atomic
	Changes []CommitChange `json:"changes"`
	// message of the commit. The trailer KubeOps-Run is added, whose value is the key of the stage's attempt. Defaults to the names of the
	// Pipeline and the stage.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
	// author of the commit. Defaults to KubeOps.
	// +optional
	Author *CommitAuthor `json:"author,omitempty"`
}

// CommitAuthor is the author of a commit.
type CommitAuthor struct {
	// name of the author.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:Pattern=`^[^<>\n\r\x00]+$`
	Name string `json:"name"`
	// email of the author.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=254
	// +kubebuilder:validation:Pattern=`^[^<>\s]+@[^<>\s]+$`
	Email string `json:"email"`
}

// CommitChange sets one value in a YAML file. Comments, order and quotes of the file stay as they are.
// +kubebuilder:validation:XValidation:rule="has(self.path) != has(self.image)",message="set either path or image"
// +kubebuilder:validation:XValidation:rule="has(self.value) != has(self.expression)",message="set either value or expression"
type CommitChange struct {
	// file in the repository, with slashes. It must exist, and have at most 1 MiB.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^[^/\\\s][^\\\n\r]*$`
	File string `json:"file"`
	// path of the value in the file: keys separated by dots, ["KEY"] for keys with other characters, [N] for an item of a list, and
	// [KEY=VALUE] for the item that has this value. For example spec.containers[name=web].image.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Path string `json:"path,omitempty"`
	// image is the name of an entry of images in a kustomization. The value is a tag, a digest (sha256:...), or NAME:TAG or NAME@DIGEST.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +optional
	Image string `json:"image,omitempty"`
	// value to set, as text.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Value *string `json:"value,omitempty"`
	// expression is a CEL expression of type string. It can use the same variables as when.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Expression string `json:"expression,omitempty"`
}

// ValueName is the name of the value of a change among the values of its stage.
func ValueName(change int) string { return fmt.Sprintf("commit.changes[%d]", change) }

// values of the changes.
func (c *CommitStage) values() []StageValue {
	values := make([]StageValue, 0, len(c.Changes))
	for i, change := range c.Changes {
		values = append(values, StageValue{Name: ValueName(i), Value: change.Value, Expression: change.Expression})
	}
	return values
}
