package v1alpha1

// QualityStage waits for the analysis of a revision, and fails unless it passes the quality gate.
type QualityStage struct {
	// sonarQube is the server with the analysis.
	SonarQube SonarQubeGate `json:"sonarQube"`
	// noData says what it means that the server computed no quality gate for the analysis: Fail (default) fails the stage, Wait looks again
	// until the timeout, and Approve does so until a person approves the stage. An analysis that does not exist yet is waited for in all
	// cases.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// SonarQubeGate is the quality gate of a project of SonarQube.
// +kubebuilder:validation:XValidation:rule="!self.url.startsWith('http:') || (has(self.plainHTTP) && self.plainHTTP)",message="url must be https, or plainHTTP must be set: the token would be sent unencrypted"
type SonarQubeGate struct {
	// url of the server, for example https://sonarqube.example.com.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="isURL(self) && url(self).getScheme() in ['http', 'https'] && !self.contains('@')",message="url must be an http or https URL without credentials"
	URL string `json:"url"`
	// plainHTTP permits a url without TLS, which sends the token unencrypted. Defaults to false.
	// +optional
	PlainHTTP bool `json:"plainHTTP,omitempty"`
	// tokenRef is a key of a Secret, in this namespace, with a token of a user with the permission Browse on the project. The ServiceAccount
	// of the Pipeline must be able to get it.
	TokenRef SecretKeyReference `json:"tokenRef"`
	// caRef is a key of a Secret with the certificate of a private authority, as PEM. Default: the authorities of the system.
	// +optional
	CARef *SecretKeyReference `json:"caRef,omitempty"`
	// project is the key of the project.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=400
	// +kubebuilder:validation:Pattern=`^[-a-zA-Z0-9_.:]+$`
	Project string `json:"project"`
	// branch of the project. Defaults to its main branch.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +optional
	Branch string `json:"branch,omitempty"`
	// revision is the commit whose analysis counts, as sonar.scm.revision has it: its full hash.
	Revision StageText `json:"revision"`
}

// ReasonQualityGateFailed: the analysis does not pass the quality gate.
const ReasonQualityGateFailed = "QualityGateFailed"

// Outputs of a stage of type quality.
const (
	// OutputGate is the status of the quality gate, which is OK; empty if a person approved the stage.
	OutputGate = "gate"
	// OutputAnalysis is the key of the analysis.
	OutputAnalysis = "analysis"
)
