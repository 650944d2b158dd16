package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// WindowType says whether stages may start while a window is open.
// +kubebuilder:validation:Enum=allow;deny
type WindowType string

// Types of windows.
const (
	// WindowAllow lets stages start. A stage with windows of this type starts only in one of them.
	WindowAllow WindowType = "allow"
	// WindowDeny lets no stage start, also in a window of type allow.
	WindowDeny WindowType = "deny"
)

// ReasonWindowClosed: a run or a stage waits until a window of its Pipeline opens, or until one of type deny closes.
const ReasonWindowClosed = "WindowClosed"

// PipelineWindow is a recurring time in which stages may, or may not, start.
type PipelineWindow struct {
	// name of the window.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// type of the window: allow or deny.
	Type WindowType `json:"type"`
	// cron is when the window opens: an expression with five fields, or @hourly, @daily, @weekly or @monthly. In an hour that daylight saving
	// skips it opens at the next minute that exists, and in one that comes twice it opens once, unless the expression is for each hour.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="cron must not contain a time zone; set timeZone"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').filter(f, size(f) > 0).size() == 5",message="cron must have five fields (minute hour day month weekday) or start with @"
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('@every')",message="a window opens at a time of day; @every has none"
	Cron string `json:"cron"`
	// duration until the window closes.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1m') && duration(self) <= duration('168h')",message="duration must be between 1m and 168h"
	Duration metav1.Duration `json:"duration"`
	// timeZone of cron, as in the IANA database, for example Europe/Berlin. Defaults to UTC.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// stages that the window is about. Default: all, without those of finally.
	// +kubebuilder:validation:MaxItems=50
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=40
	// +kubebuilder:validation:items:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +listType=set
	// +optional
	Stages []string `json:"stages,omitempty"`
	// overrun lets a stage that began while it could go on after that. If it is false, a stage starts only if its timeout ends before the
	// window closes, or before a window of type deny opens. Defaults to true.
	// +optional
	Overrun *bool `json:"overrun,omitempty"`
}

// Overruns is overrun or its default.
func (w *PipelineWindow) Overruns() bool { return w.Overrun == nil || *w.Overrun }
