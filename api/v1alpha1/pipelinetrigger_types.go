package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Annotations of PipelineRuns that a trigger created.
const (
	// AnnotationTrigger on a PipelineRun is the name of the trigger that created it.
	AnnotationTrigger = "kubeops.io/trigger"
	// AnnotationDelivery on a PipelineRun is the id of the delivery of the webhook that created it.
	AnnotationDelivery = "kubeops.io/delivery"
)

const (
	// MinWebhookSecret is the minimum length of the secret of a webhook, in characters.
	MinWebhookSecret = 16
	// MaxUnendedRuns is the number of runs of a Pipeline that have not ended beyond which triggers create no other.
	MaxUnendedRuns = 50
	// MaxRecentRuns is the number of entries in status.triggers[].recentRuns.
	MaxRecentRuns = 50
)

// TriggerType is what a trigger waits for.
// +kubebuilder:validation:Enum=webhook;schedule;git
type TriggerType string

// Types of triggers.
const (
	// TriggerWebhook waits for deliveries of a webhook.
	TriggerWebhook TriggerType = "webhook"
	// TriggerSchedule waits for times.
	TriggerSchedule TriggerType = "schedule"
	// TriggerGit polls a branch of a Git repository.
	TriggerGit TriggerType = "git"
)

// WebhookSource is what sends a webhook.
// +kubebuilder:validation:Enum=github;gitlab;gitea;generic
type WebhookSource string

// Sources of webhooks.
const (
	WebhookGitHub WebhookSource = "github"
	WebhookGitLab WebhookSource = "gitlab"
	WebhookGitea  WebhookSource = "gitea"
	// WebhookGeneric is any sender that signs as docs/pipelines.md says.
	WebhookGeneric WebhookSource = "generic"
)

// WebhookEvent is an event of a webhook that starts a run.
// +kubebuilder:validation:Enum=push;tag;custom
type WebhookEvent string

// Events of webhooks.
const (
	// EventPush is a push to a branch.
	EventPush WebhookEvent = "push"
	// EventTag is a new or moved tag.
	EventTag WebhookEvent = "tag"
	// EventCustom is a delivery of a generic sender without a ref.
	EventCustom WebhookEvent = "custom"
)

// PipelineTrigger creates PipelineRuns.
// +kubebuilder:validation:XValidation:rule="has(self.webhook) == (self.type == 'webhook')",message="webhook must be set if and only if type is webhook"
// +kubebuilder:validation:XValidation:rule="has(self.schedule) == (self.type == 'schedule')",message="schedule must be set if and only if type is schedule"
// +kubebuilder:validation:XValidation:rule="has(self.git) == (self.type == 'git')",message="git must be set if and only if type is git"
type PipelineTrigger struct {
	// name of the trigger.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// type of the trigger: webhook, schedule or git. The field of the same name is required.
	Type TriggerType `json:"type"`
	// webhook creates a run for each delivery that is authentic and selected.
	// +optional
	Webhook *WebhookTrigger `json:"webhook,omitempty"`
	// schedule creates a run at each of its times.
	// +optional
	Schedule *ScheduleTrigger `json:"schedule,omitempty"`
	// git creates a run for each commit that becomes the tip of a branch.
	// +optional
	Git *GitTrigger `json:"git,omitempty"`
	// parameters of the runs. Expressions use event.type; for a schedule also event.time (RFC 3339, UTC); for git also event.source,
	// event.repository, event.ref, event.branch and event.commit; and for a webhook those, event.delivery, event.tag, and event.payload,
	// the JSON of the delivery, whose fields are converted with string(...). Parameters that are missing have their defaults.
	// +kubebuilder:validation:MaxItems=32
	// +listType=map
	// +listMapKey=name
	// +optional
	Parameters []StageValue `json:"parameters,omitempty"`
}

// WebhookTrigger receives deliveries at the path /webhooks/NAMESPACE/PIPELINE/TRIGGER of the manager, if webhooks.bindAddress is set in its
// configuration. A commit is delivered once: a second delivery of it creates no run.
type WebhookTrigger struct {
	// source of the deliveries: github, gitlab, gitea or generic.
	Source WebhookSource `json:"source"`
	// secretRef is a key of a Secret, in this namespace, with the secret of the webhook: at least 16 characters. The ServiceAccount of the
	// Pipeline must be able to get it.
	SecretRef SecretKeyReference `json:"secretRef"`
	// events that create a run: push, tag, or custom for deliveries of a generic sender without a ref. Defaults to push and custom.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=3
	// +listType=set
	// +optional
	Events []WebhookEvent `json:"events,omitempty"`
	// branches of pushes that create a run, as patterns with * and ?. Default: all.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	Branches []string `json:"branches,omitempty"`
	// tags that create a run, as patterns with * and ?. Default: all.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	Tags []string `json:"tags,omitempty"`
	// paths of which a push must change one to create a run, as patterns with * and ?, which match / too. A delivery that does not list all
	// changed files creates a run. Default: all.
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	Paths []string `json:"paths,omitempty"`
}

// ScheduleTrigger creates a run at each of its times. Of times that were missed, since the manager did not run or the Pipeline was
// suspended, only the latest creates one.
type ScheduleTrigger struct {
	// cron is a cron expression with five fields, or @hourly, @daily, @weekly, @monthly or @every <duration>, which counts from the
	// creation time of the Pipeline. Times that daylight saving skips are omitted, and of those that come twice the second, unless the
	// expression is for each hour. Two times must be as far apart as the manager's configuration says
	// (limits.minScheduleInterval, default 1m).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="!self.contains('TZ=')",message="cron must not contain a time zone; set timeZone"
	// +kubebuilder:validation:XValidation:rule="self.startsWith('@') || self.split(' ').filter(f, size(f) > 0).size() == 5",message="cron must have five fields (minute hour day month weekday) or start with @"
	Cron string `json:"cron"`
	// timeZone of the schedule, as in the IANA database, for example Europe/Berlin. Defaults to UTC.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$`
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// startingDeadlineSeconds is how long after its time a run can be created. Default: without limit.
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=2592000
	// +optional
	StartingDeadlineSeconds *int64 `json:"startingDeadlineSeconds,omitempty"`
}

// GitTrigger polls a branch, for servers that cannot send webhooks. The commit that the branch has at first creates no run. Of several
// commits between two polls, only the last creates one. A commit creates one run, also if the branch returns to it.
type GitTrigger struct {
	// repository is the URL: https://HOST/PATH or ssh://USER@HOST/PATH, without credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:Pattern=`^(https?|ssh)://[^\s?#]+$`
	Repository string `json:"repository"`
	// branch to poll.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_][-A-Za-z0-9_./+@#]*$`
	Branch string `json:"branch"`
	// secretRef is the Secret with the credentials, as for stages of type commit. They need to read only. The ServiceAccount of the
	// Pipeline must be able to get it. Default: no credentials, which ssh does not permit.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`
	// interval between two polls. The manager's configuration sets a minimum (limits.minScheduleInterval, default 1m). Defaults to 5m.
	// +kubebuilder:validation:XValidation:rule="duration(self) >= duration('1s') && duration(self) <= duration('24h')",message="interval must be between 1s and 24h"
	// +optional
	Interval *metav1.Duration `json:"interval,omitempty"`
}

// DefaultPollInterval of a trigger of type git.
const DefaultPollInterval = 5 * time.Minute

// Period between two polls.
func (t *GitTrigger) Period() time.Duration { return durationOr(t.Interval, DefaultPollInterval) }

// GitTriggerStatus is the observed state of a trigger of type git.
type GitTriggerStatus struct {
	// name of the trigger.
	Name string `json:"name"`
	// repository and branch that the revision belongs to. With others, the trigger begins again.
	// +optional
	Repository string `json:"repository,omitempty"`
	// branch of the repository.
	// +optional
	Branch string `json:"branch,omitempty"`
	// revision is the last commit that was handled.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Revision string `json:"revision,omitempty"`
	// lastRun is the PipelineRun that was created last.
	// +optional
	LastRun string `json:"lastRun,omitempty"`
	// reason why the last poll failed, or why the last commit created no run, in CamelCase.
	// +optional
	Reason string `json:"reason,omitempty"`
	// message for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// ScheduleStatus is the observed state of a trigger of type schedule.
type ScheduleStatus struct {
	// name of the trigger.
	Name string `json:"name"`
	// since is when the trigger was first seen. Earlier times create no run.
	Since metav1.Time `json:"since"`
	// lastScheduledTime is the last handled time.
	// +optional
	LastScheduledTime *metav1.Time `json:"lastScheduledTime,omitempty"`
	// lastRun is the PipelineRun that was created last.
	// +optional
	LastRun string `json:"lastRun,omitempty"`
	// nextTime is the next time.
	// +optional
	NextTime *metav1.Time `json:"nextTime,omitempty"`
	// reason why the last handled time created no run, in CamelCase: TimeMissed, TooManyRuns, or that of its parameters.
	// +optional
	Reason string `json:"reason,omitempty"`
	// message for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Message string `json:"message,omitempty"`
}

// TriggerStatus is the observed state of a trigger.
type TriggerStatus struct {
	// name of the trigger.
	Name string `json:"name"`
	// lastDeliveryTime is when an authentic delivery arrived last.
	// +optional
	LastDeliveryTime *metav1.Time `json:"lastDeliveryTime,omitempty"`
	// lastDelivery is its id.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	LastDelivery string `json:"lastDelivery,omitempty"`
	// lastRun is the PipelineRun that the trigger created last.
	// +optional
	LastRun string `json:"lastRun,omitempty"`
	// lastRefusalTime is when a delivery created no run last. Deliveries that are not authentic are recorded once a minute.
	// +optional
	LastRefusalTime *metav1.Time `json:"lastRefusalTime,omitempty"`
	// lastRefusalReason says why, in CamelCase.
	// +optional
	LastRefusalReason string `json:"lastRefusalReason,omitempty"`
	// lastRefusalMessage says why, for people.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	LastRefusalMessage string `json:"lastRefusalMessage,omitempty"`
	// recentRuns are the runs of the last 24 hours, the last first, and at most 50. A delivery of one of them creates no other run, even if
	// spec.keepRuns no longer keeps it.
	// +kubebuilder:validation:MaxItems=50
	// +listType=atomic
	// +optional
	RecentRuns []TriggeredRun `json:"recentRuns,omitempty"`
}

// TriggeredRun is a run that a trigger created.
type TriggeredRun struct {
	// name of the PipelineRun.
	Name string `json:"name"`
	// time when it was created.
	Time metav1.Time `json:"time"`
}

// Reasons why a delivery, or a time of a schedule, creates no run.
const (
	// ReasonInvalidSignature: the delivery is not signed with the secret of the trigger.
	ReasonInvalidSignature = "InvalidSignature"
	// ReasonExpiredSignature: the time in the signature of a generic sender differs from that of the manager by more than 5 minutes.
	ReasonExpiredSignature = "ExpiredSignature"
	// ReasonInvalidPayload: the delivery is not one of the source of the trigger.
	ReasonInvalidPayload = "InvalidPayload"
	// ReasonNotSelected: events, branches, tags or paths of the trigger do not select the delivery.
	ReasonNotSelected = "NotSelected"
	// ReasonRefDeleted: the branch or tag was deleted.
	ReasonRefDeleted = "RefDeleted"
	// ReasonOwnCommit: the last commit of the push is one of a Pipeline.
	ReasonOwnCommit = "OwnCommit"
	// ReasonTimeMissed: the time of a schedule was missed by more than its startingDeadlineSeconds.
	ReasonTimeMissed = "TimeMissed"
	// ReasonTooManyRuns: 50 runs of the Pipeline have not ended.
	ReasonTooManyRuns = "TooManyRuns"
)

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

// Reasons of windows.
const (
	// ReasonWindowClosed: a run or a stage waits until a window of its Pipeline opens, or until one of type deny closes.
	ReasonWindowClosed = "WindowClosed"
)

// PipelineWindow is a recurring time in which stages may, or may not, start.
type PipelineWindow struct {
	// name of the window.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`
	// type of the window: allow or deny.
	Type WindowType `json:"type"`
	// cron is when the window opens: an expression with five fields, or @hourly, @daily, @weekly or @monthly. In an hour that daylight
	// saving skips it opens at the next minute that exists, and in one that comes twice it opens once, unless the expression is for each
	// hour.
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
