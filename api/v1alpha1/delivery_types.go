package v1alpha1

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ReasonChannelNotFound says that a NotificationChannel in spec.channels does not exist.
const ReasonChannelNotFound = "ChannelNotFound"

// ConditionNotified is set on an Inspection if a NotificationChannel in spec.channels does not exist. It does not affect
// Ready.
const ConditionNotified = "Notified"

// UndeliveredFor is how long a report with pending deliveries is kept in addition to spec.keepReports.
const UndeliveredFor = 24 * time.Hour

// MaxUndelivered is the number of reports of one Inspection that are kept for UndeliveredFor in addition to spec.keepReports. A channel
// that accepts nothing must not fill etcd.
const MaxUndelivered = 100

// DeliveryState is the progress of the delivery of a report to a channel.
// +kubebuilder:validation:Enum=Pending;Delivered
type DeliveryState string

// States of a delivery.
const (
	// DeliveryPending: some messages are not accepted yet.
	DeliveryPending DeliveryState = "Pending"
	// DeliveryDone: all messages were accepted, or there was nothing to send.
	DeliveryDone DeliveryState = "Delivered"
)

// ReportDelivery is the delivery of a report to one channel. It is saved with the report, so a crash loses no delivery; a
// message that may have been sent before the crash is sent again with the same key.
type ReportDelivery struct {
	// channel is the name of the NotificationChannel.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Channel string `json:"channel"`
	// state of the delivery: Pending or Delivered.
	State DeliveryState `json:"state"`
	// sent is the number of accepted messages.
	// +optional
	Sent int32 `json:"sent,omitempty"`
	// refused is the number of messages that the receiver rejected for an hour while it accepted others. They are not sent
	// again.
	// +optional
	Refused int32 `json:"refused,omitempty"`
	// time at which the last message was accepted or given up.
	// +optional
	Time *metav1.Time `json:"time,omitempty"`
}

// Delivery is the result of delivering one report.
type Delivery struct {
	// report is the name of the InspectionReport.
	// +kubebuilder:validation:MaxLength=253
	Report string `json:"report"`
	// time of the delivery.
	Time metav1.Time `json:"time"`
	// messages is the number of accepted messages. It is 0 if the filter selected nothing.
	Messages int32 `json:"messages"`
	// findings is the number of findings that were sent, including fixed ones.
	Findings int32 `json:"findings"`
	// fixed is the number of fixed findings that were sent.
	Fixed int32 `json:"fixed"`
	// refused is the number of messages that the receiver rejected for an hour while it accepted others. Their findings are
	// included in findings, but were not delivered.
	// +optional
	Refused int32 `json:"refused,omitempty"`
}
