package v1alpha1

// UnstablePolicy says what a build that ended with failed tests means for its stage.
// +kubebuilder:validation:Enum=pass;fail
type UnstablePolicy string

// Policies of unstable builds.
const (
	// UnstablePass lets the stage succeed.
	UnstablePass UnstablePolicy = "pass"
	// UnstableFail fails the stage.
	UnstableFail UnstablePolicy = "fail"
)

// MaxJobDefinition is the size of a config.xml of a job, in bytes.
const MaxJobDefinition = 256 << 10

// ConfigMapKeyReference references a key of a ConfigMap.
type ConfigMapKeyReference struct {
	// name of the ConfigMap, in the same namespace.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
	// key of the ConfigMap.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[-._a-zA-Z0-9]+$`
	Key string `json:"key"`
}

// EnsuredJob defines the job of a build stage. KubeOps creates the job before the build, and updates it if the definition changed. It
// writes the Pipeline and a digest into the description of the job, and changes no job without them. It never deletes one.
// +kubebuilder:validation:XValidation:rule="[has(self.configMapRef), has(self.jenkinsfile), has(self.scm)].filter(x, x).size() == 1",message="set one of configMapRef, jenkinsfile and scm"
type EnsuredJob struct {
	// configMapRef references the config.xml of the job, at most 256 KiB. It declares KUBEOPS_RUN and the parameters of the stage. It is
	// read as the ServiceAccount of the Pipeline.
	// +optional
	ConfigMapRef *ConfigMapKeyReference `json:"configMapRef,omitempty"`
	// jenkinsfile is the script of the job, which runs in the sandbox of Jenkins. The job declares KUBEOPS_RUN and the parameters of the
	// stage. A script with a block parameters must declare KUBEOPS_RUN in it, since each build replaces the parameters of its job then.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32768
	// +optional
	Jenkinsfile string `json:"jenkinsfile,omitempty"`
	// scm has the script of the job in a Git repository, which Jenkins reads for each build, by its plugin git. The job declares
	// KUBEOPS_RUN and the parameters of the stage, as with jenkinsfile.
	// +optional
	SCM *JobSCM `json:"scm,omitempty"`
	// overwrite permits to replace a job that KubeOps does not manage, or manages for another Pipeline. Defaults to false.
	// +optional
	Overwrite bool `json:"overwrite,omitempty"`
	// drift says what happens if people have changed the job in Jenkins since KubeOps defined it: Ignore runs it as it is, Report does so
	// and says it in the message of the stage, and Correct restores the definition before the build. Settings that the definition does not
	// have are no change, except for triggers and steps. Defaults to Report.
	// +optional
	Drift DriftPolicy `json:"drift,omitempty"`
}

// JobSCM is a Jenkinsfile in a Git repository.
type JobSCM struct {
	// repository is the URL: https://HOST/PATH or ssh://USER@HOST/PATH, without credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://[^\s?#]+$`
	Repository string `json:"repository"`
	// branch that the Jenkinsfile is read from.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./+@#]*$`
	Branch string `json:"branch"`
	// path of the Jenkinsfile. Defaults to Jenkinsfile.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./]*$`
	// +optional
	Path string `json:"path,omitempty"`
	// credentialsId of the credentials that Jenkins has for the repository. Default: none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[-A-Za-z0-9_.]+$`
	// +optional
	CredentialsID string `json:"credentialsId,omitempty"`
}

// ScriptPath is path or its default.
func (s *JobSCM) ScriptPath() string {
	if s.Path != "" {
		return s.Path
	}
	return "Jenkinsfile"
}

// BuildStage runs a job of a build server once for each attempt. The job declares the string parameter KUBEOPS_RUN, which carries the key
// of the attempt: by it a build is found again after a restart of KubeOps or of the server, such that there is never a second one.
type BuildStage struct {
	// providerRef is the CIProvider, in this namespace.
	ProviderRef LocalReference `json:"providerRef"`
	// job by its full name, with / between folders. The branch feature/x of a multibranch project is shop/feature%2Fx.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=400
	// +kubebuilder:validation:Pattern=`^[^/?*\!@#$^&|<>\[\]:;"]+(/[^/?*\!@#$^&|<>\[\]:;"]+)*$`
	Job string `json:"job"`
	// ensure creates the job, and updates it. Without it, the job must exist.
	// +optional
	Ensure *EnsuredJob `json:"ensure,omitempty"`
	// parameters of the build. The job must declare them: Jenkins ignores others.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:XValidation:rule="self.all(p, !(p.name in ['KUBEOPS_RUN', 'delay', 'token', 'cause']))",message="the parameters KUBEOPS_RUN, delay, token and cause are reserved"
	// +listType=map
	// +listMapKey=name
	// +optional
	Parameters []StageValue `json:"parameters,omitempty"`
	// unstable says what a build that ended with failed tests means: fail (default) or pass.
	// +optional
	Unstable UnstablePolicy `json:"unstable,omitempty"`
	// allowUnmarked permits a job that does not declare KUBEOPS_RUN. The stage then waits until the job has no build that waits or runs,
	// and a trigger whose answer is lost ends in TriggerUnknown. Defaults to false.
	// +optional
	AllowUnmarked bool `json:"allowUnmarked,omitempty"`
	// outputs are the keys that the build sets, by lines KUBEOPS_OUTPUT KEY=VALUE within the last 64 KiB of its log. The last line of a key
	// counts. A stage whose build succeeds without one of them is Failed. Every build has the outputs number, url and result.
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[A-Za-z_][A-Za-z0-9_]*$`
	// +kubebuilder:validation:XValidation:rule="self.all(o, !(o in ['number', 'url', 'result']))",message="the outputs number, url and result exist for every build"
	// +listType=set
	// +optional
	Outputs []string `json:"outputs,omitempty"`
}

// Outputs of every build stage.
const (
	// OutputNumber is the number of the build.
	OutputNumber = "number"
	// OutputURL is the page of the build.
	OutputURL = "url"
	// OutputResult is Succeeded or Unstable.
	OutputResult = "result"
)
