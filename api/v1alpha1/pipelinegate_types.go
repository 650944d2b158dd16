package v1alpha1

import (
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// NotifyStage sends a message to a NotificationChannel, at least once: if it is not known whether the receiver accepted the message, it is
// sent again after 30 s, with the same key. The filter, mode and template of the channel do not apply to it.
type NotifyStage struct {
	// channelRef is the NotificationChannel, in this namespace. It cannot be an Alertmanager, which holds findings only.
	ChannelRef LocalReference `json:"channelRef"`
	// title of the message, one line.
	Title StageText `json:"title"`
	// text of the message. The run and the stage are added to it.
	// +optional
	Text *StageText `json:"text,omitempty"`
}

// NoDataPolicy says what a gate without data means for its stage.
// +kubebuilder:validation:Enum=Fail;Wait;Approve
type NoDataPolicy string

// Policies of missing data.
const (
	// NoDataFail fails the stage.
	NoDataFail NoDataPolicy = "Fail"
	// NoDataWait waits for data until the timeout of the stage.
	NoDataWait NoDataPolicy = "Wait"
	// NoDataApprove waits for an Approval, as a stage of type approval, or for data, until the timeout of the stage.
	NoDataApprove NoDataPolicy = "Approve"
)

// MetricsStage queries a MetricsBackend several times, and compares the values with a limit. The stage fails as soon as more measurements
// than maxFailures are outside of it.
type MetricsStage struct {
	// backendRef is the MetricsBackend, in this namespace.
	BackendRef LocalReference `json:"backendRef"`
	// query in PromQL. Each series of its answer must meet the condition.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	Query string `json:"query"`
	// condition that each value meets: an operator and a number, such as < 0.05. Operators are <, <=, >, >=, == and !=.
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(<|<=|>|>=|==|!=) ?-?[0-9]{1,15}(\.[0-9]{1,15})?$`
	Condition string `json:"condition"`
	// interval between two measurements. Defaults to 30s.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5s') && duration(self) <= duration('1h')",message="interval must be between 5s and 1h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
	// count of measurements. Defaults to 5.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	Count int32 `json:"count,omitempty"`
	// maxFailures is the number of measurements that may not meet the condition. Defaults to 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=99
	// +optional
	MaxFailures int32 `json:"maxFailures,omitempty"`
	// noData says what a measurement without a value means: Fail (default) fails the stage, Wait measures again until the timeout, and
	// Approve does so until a person approves the stage.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// WorkloadReference names a workload.
type WorkloadReference struct {
	// kind of the workload.
	// +kubebuilder:validation:Enum=Deployment;StatefulSet;DaemonSet;Job;CronJob;Rollout
	Kind string `json:"kind"`
	// namespace of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Namespace string `json:"namespace"`
	// name of the workload.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
	Name string `json:"name"`
}

// InspectStage requests a run of an Inspection, and waits for a report whose run began after the stage. It fails on problems that no report
// from before the PipelineRun has. If there is no such report, every problem counts as new.
type InspectStage struct {
	// inspectionRef is the Inspection, in this namespace. Its spec says what is inspected.
	InspectionRef LocalReference `json:"inspectionRef"`
	// severity from which a new problem fails the stage. Defaults to high.
	// +optional
	Severity Severity `json:"severity,omitempty"`
	// namespaces whose problems count. Without namespaces and workloads, all count.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// workloads whose problems count, in addition to those of namespaces.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Workloads []WorkloadReference `json:"workloads,omitempty"`
	// noData says what a report without new problems, but with gaps, means: Fail (default) fails the stage, Wait waits for a later report
	// until the timeout, and Approve waits for a person who approves the stage.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// Defaults of stages.
const (
	DefaultNotifyTimeout      = 5 * time.Minute
	DefaultMeasurementPeriod  = 30 * time.Second
	DefaultMeasurements       = 5
	defaultInspectionSeverity = SeverityHigh
)

// Period between two measurements.
func (s *MetricsStage) Period() time.Duration {
	return durationOr(s.Interval, DefaultMeasurementPeriod)
}

// Measurements in all.
func (s *MetricsStage) Measurements() int {
	if s.Count > 0 {
		return int(s.Count)
	}
	return DefaultMeasurements
}

// FailsOn is the severity from which a new problem fails the stage.
func (s *InspectStage) FailsOn() Severity {
	if s.Severity == "" {
		return defaultInspectionSeverity
	}
	return s.Severity
}

// Values of a notify stage.
const (
	ValueTitle = "title"
	ValueText  = "text"
)

const (
	// OutputValue is the value of the last measurement of a metrics stage; of several series, the one that is nearest to the limit or
	// furthest beyond it.
	OutputValue = "value"
	// OutputReport is the name of the InspectionReport that an inspect stage judged.
	OutputReport = "report"
)

// Defaults of a stage of type logs.
const (
	// DefaultLogWindow is the default of window.
	DefaultLogWindow = 10 * time.Minute
	// DefaultLogBaseline is the default of baseline.
	DefaultLogBaseline = time.Hour
	// LogDelay is how long lines may take to their backend: the last judgement follows so long after the window.
	LogDelay = 15 * time.Second
)

// LogsStage looks for errors that were not logged before the deployment. It compares the lines since the first stage of type deploy or
// bundle before it began (without one: of type commit; without either: since the run began) with those of the baseline before that time.
// The stage fails as soon as there is such an error, and succeeds if there is none at the end of its window.
type LogsStage struct {
	// backendRef is the LogBackend, in this namespace.
	BackendRef LocalReference `json:"backendRef"`
	// namespaces of the lines. The ServiceAccount of the Pipeline must be able to read the logs of their Pods. Defaults to the namespace of
	// the Pipeline.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Namespaces []string `json:"namespaces,omitempty"`
	// workloads whose lines count, in these namespaces. Lines are those of a workload by the name of their Pod. Default: all lines of the
	// namespaces.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Workloads []WorkloadReference `json:"workloads,omitempty"`
	// window is how long to look for errors from the start of the stage. Defaults to 10m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('24h')",message="window must be between 1m and 24h"
	// +optional
	Window *metav1.Duration `json:"window,omitempty"`
	// baseline is the time before the deployment to compare with; before its first attempt, if it was repeated. Defaults to 1h.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('5m') && duration(self) <= duration('168h')",message="baseline must be between 5m and 168h"
	// +optional
	Baseline *metav1.Duration `json:"baseline,omitempty"`
	// maxLines to read for one judgement, half of them at most since the deployment. Of more lines, the first of each part of the time are
	// read. Defaults to 20000.
	// +kubebuilder:validation:Minimum=1000
	// +kubebuilder:validation:Maximum=100000
	// +optional
	MaxLines int32 `json:"maxLines,omitempty"`
	// noData says what it means that there are no lines, since the deployment or in the baseline: Fail (default) fails the stage, Wait
	// looks again until the timeout, and Approve does so until a person approves the stage. Lines from before the stage started do not
	// count if they are of Pods that logged in the baseline, too.
	// +optional
	NoData NoDataPolicy `json:"noData,omitempty"`
}

// Period of the stage: window or its default.
func (s *LogsStage) Period() time.Duration { return durationOr(s.Window, DefaultLogWindow) }

// Before is baseline or its default.
func (s *LogsStage) Before() time.Duration { return durationOr(s.Baseline, DefaultLogBaseline) }

// OutputNewErrors is the output of a stage of type logs: the number of new errors, which is 0.
const OutputNewErrors = "newErrors"

// QualityStage fails unless code is good enough: by the quality gate of SonarQube, or by a report of the build.
// +kubebuilder:validation:XValidation:rule="has(self.sonarQube) != has(self.sarif)",message="set either sonarQube or sarif"
type QualityStage struct {
	// sonarQube is the server with the analysis of a revision, whose quality gate must be passed.
	// +optional
	SonarQube *SonarQubeGate `json:"sonarQube,omitempty"`
	// sarif is a report of an earlier build, whose findings are counted.
	// +optional
	SARIF *SARIFGate `json:"sarif,omitempty"`
	// noData says what it means that SonarQube computed no quality gate for the analysis, or that the build has no complete report: Fail
	// (default) fails the stage, Wait looks again until the timeout, and Approve does so until a person approves the stage. An analysis
	// that does not exist yet is waited for in all cases.
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
	// tokenRef is a key of a Secret, in this namespace, with a token of a user with the permission Browse on the project. The
	// ServiceAccount of the Pipeline must be able to get it.
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

// PreviousPolicy compares the findings of a report with those of an earlier run.
// +kubebuilder:validation:Enum=NoMore
type PreviousPolicy string

// PreviousNoMore fails on more findings of a level than the last run had that succeeded.
const PreviousNoMore PreviousPolicy = "NoMore"

// SARIFGate is a report in the format SARIF 2.1.0 among the artifacts of a build. Results that the report suppresses, and those whose
// baselineState is unchanged or absent, are not counted.
type SARIFGate struct {
	// stage of type build that runs before this one. Its build archived the report. If that stage has no build, such as one that was
	// skipped, this stage is skipped, too.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Stage string `json:"stage"`
	// artifact is the path of the report among the artifacts of the build, for example build/reports/findings.sarif. The report has at
	// most 32 MiB.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[-A-Za-z0-9_.@+ ]+(/[-A-Za-z0-9_.@+ ]+)*$`
	// +kubebuilder:validation:XValidation:rule="self.split('/').all(s, s != '.' && s != '..')",message="artifact must not contain . or .. between slashes"
	Artifact string `json:"artifact"`
	// maxErrors is the number of errors that the report may have. Defaults to 0.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxErrors *int32 `json:"maxErrors,omitempty"`
	// maxWarnings is the number of warnings that the report may have. Default: any number.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxWarnings *int32 `json:"maxWarnings,omitempty"`
	// maxNotes is the number of notes that the report may have. Default: any number.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000000
	// +optional
	MaxNotes *int32 `json:"maxNotes,omitempty"`
	// previous compares the report with that of the last run of the Pipeline that succeeded: NoMore fails the stage if there are more
	// findings of a level. The first run has nothing to compare with. Default: no comparison.
	// +optional
	Previous PreviousPolicy `json:"previous,omitempty"`
}

// Reasons of a stage of type quality.
const (
	// ReasonQualityGateFailed: the analysis does not pass the quality gate, or the report has too many findings.
	ReasonQualityGateFailed = "QualityGateFailed"
	// ReasonInvalidReport: the artifact is not a report in the format SARIF 2.1.0.
	ReasonInvalidReport = "InvalidReport"
	// ReasonArtifactNotFound: the build has no such artifact.
	ReasonArtifactNotFound = "ArtifactNotFound"
	// ReasonArtifactNotAvailable: the server does not return an artifact that the build has.
	ReasonArtifactNotAvailable = "ArtifactNotAvailable"
)

// Outputs of a stage of type quality. Those of a stage that a person approved without data are empty.
const (
	// OutputGate is the status of the quality gate, which is OK.
	OutputGate = "gate"
	// OutputAnalysis is the key of the analysis.
	OutputAnalysis = "analysis"
	// OutputErrors, OutputWarnings and OutputNotes are the numbers of findings in the report.
	OutputErrors   = "errors"
	OutputWarnings = "warnings"
	OutputNotes    = "notes"
)

// Levels are the outputs of a stage with a report, the most severe first.
func (s *SARIFGate) Levels() []string { return []string{OutputErrors, OutputWarnings, OutputNotes} }

// Limit is the number of findings that a level may have, by the name of its output; nil for any number.
func (s *SARIFGate) Limit(level string) *int32 {
	switch level {
	case OutputErrors:
		if s.MaxErrors == nil {
			return new(int32)
		}
		return s.MaxErrors
	case OutputWarnings:
		return s.MaxWarnings
	}
	return s.MaxNotes
}

// Counts are the numbers of findings that the outputs of a stage have by level; nil if they have none.
func (s *SARIFGate) Counts(outputs map[string]string) map[string]int {
	counts := map[string]int{}
	for _, level := range s.Levels() {
		count, err := strconv.Atoi(outputs[level])
		if err != nil || count < 0 {
			return nil
		}
		counts[level] = count
	}
	return counts
}
