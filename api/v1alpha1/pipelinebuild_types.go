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
