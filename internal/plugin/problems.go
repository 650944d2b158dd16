package plugin

import (
	"context"
	"errors"
	"regexp"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	pluginv1 "kubeops.io/kubeops/api/plugin/v1"
	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/text"
)

// maxRetryAfter bounds Problem.retry_after.
const maxRetryAfter = 10 * time.Minute

// toStatus is the error of a plugin as it is sent: that of a problem has it as detail. Others have no text: it may have secrets.
func toStatus(err error) error {
	if err == nil {
		return nil
	}
	if _, is := status.FromError(err); is {
		return err
	}
	p := problem.As(err)
	switch {
	case p != nil:
	case errors.Is(err, context.DeadlineExceeded):
		return status.Error(codes.DeadlineExceeded, "the deadline of the call is over")
	case errors.Is(err, context.Canceled):
		return status.Error(codes.Canceled, "the call was canceled")
	default:
		return status.Error(codes.Internal, "unexpected error")
	}
	code := codes.Unavailable
	detail := &pluginv1.Problem{Reason: p.Reason, Message: p.Message, Action: pluginv1.Problem_ACTION_RETRY}
	switch p.Action {
	case problem.UserMustAct:
		code = codes.FailedPrecondition
		detail.Action = pluginv1.Problem_ACTION_USER_MUST_ACT
	case problem.Wait:
		detail.Action = pluginv1.Problem_ACTION_WAIT
		detail.RetryAfter = durationpb.New(p.After)
	}
	s, err := status.New(code, p.Message).WithDetails(detail)
	if err != nil {
		return status.Error(code, p.Message)
	}
	return s.Err()
}

// toProblem is the problem of the error of a call. lost is why there is no connection, or nil. A status without a Problem says nothing
// about the work: its action is Retry.
func toProblem(name string, lost *problem.Problem, err error) *problem.Problem {
	s, _ := status.FromError(err)
	for _, detail := range s.Details() {
		if d, is := detail.(*pluginv1.Problem); is {
			return ofDetail(name, d)
		}
	}
	switch s.Code() {
	case codes.Unavailable:
		if lost != nil {
			return lost
		}
		return problem.Retrying(v1alpha1.ReasonPluginUnreachable, nil, "plugin %s closed the connection; see its log", name)
	case codes.DeadlineExceeded, codes.Canceled:
		if lost != nil {
			return lost
		}
		return problem.Retrying(v1alpha1.ReasonTimeout, err, "plugin %s did not answer in time; see its log", name)
	case codes.Unimplemented:
		return problem.UserError(v1alpha1.ReasonPluginIncompatible, nil,
			"%s does not implement the plugin contract; check that the address is that of a plugin", name)
	case codes.ResourceExhausted:
		return problem.Retrying(v1alpha1.ReasonResponseTooLarge, nil, "the message of plugin %s is over the size limit of 4Mi", name)
	}
	return problem.Retrying(v1alpha1.ReasonPluginFailed, nil, "plugin %s failed (%s); see its log", name, s.Code())
}

func ofDetail(name string, d *pluginv1.Problem) *problem.Problem {
	reason := d.GetReason()
	if !regexp.MustCompile(`^[A-Z][A-Za-z0-9]{0,63}$`).MatchString(reason) {
		reason = v1alpha1.ReasonPluginFailed
	}
	message := text.Clip(printable.Line(d.GetMessage()), maxText)
	if message == "" {
		message = "plugin " + name + " reported no cause; see its log"
	}
	switch d.GetAction() {
	case pluginv1.Problem_ACTION_USER_MUST_ACT:
		return problem.UserError(reason, nil, "%s", message)
	case pluginv1.Problem_ACTION_WAIT:
		return problem.Waiting(reason, min(max(d.GetRetryAfter().AsDuration(), time.Second), maxRetryAfter), "%s", message)
	}
	return problem.Retrying(reason, nil, "%s", message)
}
