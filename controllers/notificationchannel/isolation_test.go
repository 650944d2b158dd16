package notificationchannel

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/controllers/environment"
	"kubeops.io/kubeops/internal/child"
	"kubeops.io/kubeops/internal/message"
)

// Arguments that make the test binary a child process: one that renders templates, and one that needs too much memory.
const (
	renderArgument = "render"
	hogArgument    = "hog"
)

// serveTemplates is the main function of such a process.
func serveTemplates(argument string) error {
	connection, err := child.Enter()
	if err != nil {
		return err
	}
	if argument == hogArgument {
		kept := make([]byte, 8<<30)
		fmt.Fprint(connection, len(kept))
	}
	return message.Serve(context.Background(), connection)
}

// inChild makes a reconciler render templates in child processes.
func inChild(argument string) func(*environment.Environment) {
	return func(e *environment.Environment) {
		e.Settings.TemplateCommand = &child.Command{Path: os.Args[0], Args: []string{argument}, Memory: message.Memory, Processors: 1}
	}
}

func TestATemplateIsRenderedInAChildProcess(t *testing.T) {
	w := newWorld(t)
	w.restart(inChild(renderArgument))
	w.channel(func(s *v1alpha1.NotificationChannelSpec) {
		s.Template.Title = "{{.Inspection}}: {{(index .Findings 0).Line}}"
	})
	if c, _ := w.reconcile(); ready(c).Reason != v1alpha1.ReasonInvalidTemplate || !strings.Contains(ready(c).Message, "out of range") {
		t.Errorf("a template that fails on the sample: got %+v", ready(c))
	}
	w.change(func(c *v1alpha1.NotificationChannel) {
		c.Spec.Template.Title = "{{.Inspection}}: {{range .Findings}}{{.Line}}{{end}}"
	})
	w.report("r", []v1alpha1.Finding{broken("f1")}, "c")
	if c, _ := w.reconcile(); ready(c).Status != metav1.ConditionTrue || c.Status.Delivered != 1 {
		t.Errorf("got %+v", c.Status)
	}
	if got, _ := w.receiver.taken(); len(got) != 1 || got[0].Data.Title != "all: Service shop/cart" {
		t.Errorf("got %+v", got)
	}
}

func TestAChannelWhoseTemplateEndsItsProcessWaitsAndNamesTheLimit(t *testing.T) {
	w := newWorld(t)
	w.restart(inChild(hogArgument))
	w.channel(func(s *v1alpha1.NotificationChannelSpec) { s.Template.Title = "{{.Summary}}" })
	w.report("r", []v1alpha1.Finding{broken("f1")}, "c")
	c, after := w.reconcile()
	if got := ready(c); got.Status != metav1.ConditionFalse || got.Reason != v1alpha1.ReasonMemoryLimitExceeded ||
		!strings.Contains(got.Message, "64 MiB") || after < 1 {
		t.Errorf("got %+v, again after %s", got, after)
	}
	if got, _ := w.receiver.taken(); len(got) > 0 {
		t.Errorf("sent %+v", got)
	}
	w.change(func(c *v1alpha1.NotificationChannel) { c.Spec.Template.Title = "" })
	if c, _ := w.reconcile(); ready(c).Status != metav1.ConditionTrue || c.Status.Delivered != 1 {
		t.Errorf("without a template: got %+v", c.Status)
	}
}
