package workload

import (
	"fmt"
	"strings"

	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// explainWebhook puts a failed call to a webhook into words, each kind with its own remedy, and names the objects behind it.
func explainWebhook(g *facts.Graph, name, message string) (why string, fix remedy.Text, because []facts.Ref) {
	because = g.WebhookConfigurations(name)
	configuration := remedy.Text("`kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations`")
	title := ""
	if len(because) > 0 {
		ref := because[0]
		configuration = remedy.Sprintf("`kubectl get %s %s -o yaml`", strings.ToLower(string(ref.Kind)), ref.Name)
		title = fmt.Sprintf(" (%s %s)", ref.Kind, ref.Name)
	}
	hook := "admission webhook " + name + title
	failure := apimessage.ParseWebhookFailure(message)
	if failure.Answered() {
		return hook + " " + answered(failure), answeredFix(failure, configuration), because
	}
	switch failure {
	case apimessage.WebhookTimeout:
		return hook + " does not respond in time", "Look at the load and the log of the Pods behind the webhook, and at " +
			"NetworkPolicies and " +
			"firewalls between the API server and their port; " + configuration + " names its Service and timeoutSeconds.", because
	case apimessage.WebhookRefused:
		return hook + " refuses connections", "See whether the Pods behind the webhook are ready, and compare the targetPort of its " +
			"Service with the port that the program listens on: " + configuration + " names the Service.", because
	case apimessage.WebhookUnreachable:
		return hook + " cannot be reached", "Check the network between the API server and the Pods behind the webhook (routes, " +
			"firewalls, " +
			"NetworkPolicies): " + configuration + " names its Service.", because
	case apimessage.WebhookNoEndpoints:
		return hook + " has no ready Pods", "Restore the Pods behind the webhook: " + configuration + " names its Service.", because
	case apimessage.WebhookServiceMissing:
		return hook + " calls a Service that does not exist", "Install its add-on again, or, if it is gone for good, delete its webhook " +
			"configuration: " + configuration + ".", because
	default:
		return hook + " does not respond", "Repair the service behind the webhook: " + configuration + " names its Service. If the " +
			"add-on is " +
			"gone for good, delete its webhook configuration.", because
	}
}

// answered says what is wrong with an answer.
func answered(failure apimessage.WebhookFailure) string {
	switch failure {
	case apimessage.WebhookUnknownCA:
		return "serves a certificate that its caBundle did not sign"
	case apimessage.WebhookExpired:
		return "serves a certificate that has expired or is not yet valid"
	case apimessage.WebhookWrongName:
		return "serves a certificate for other names than that of its Service"
	case apimessage.WebhookPlainHTTP:
		return "answers with HTTP on a port that must serve HTTPS"
	case apimessage.WebhookNotFound:
		return "does not know the path that it is called at (404)"
	case apimessage.WebhookServerError:
		return "returned a server error (5xx)"
	case apimessage.WebhookRejectsCaller:
		return "rejected the credentials of the API server"
	case apimessage.WebhookInvalidResponse:
		return "returned an invalid response"
	default:
		return "fails the TLS handshake"
	}
}

func answeredFix(failure apimessage.WebhookFailure, configuration remedy.Text) remedy.Text {
	switch failure {
	case apimessage.WebhookUnknownCA:
		return "Renew the caBundle in clientConfig of the webhook: it must be the authority of the certificate that its Pods serve. With " +
			"cert-manager, the annotation cert-manager.io/inject-ca-from does that; other add-ons write it when their Pods are " +
			"restarted or " +
			"installed again. Its Service and Pods answer: " + configuration + "."
	case apimessage.WebhookExpired:
		return "Renew the certificate that the webhook's Pods serve (with cert-manager: `kubectl get certificates -A`), then restart " +
			"the Pods " +
			"if they do not reload it; compare the clocks of the nodes too. " + configuration + " names its Service."
	case apimessage.WebhookWrongName:
		return "Issue a certificate for <service>.<namespace>.svc of the Service that the webhook names: " + configuration + "."
	case apimessage.WebhookPlainHTTP:
		return "Let clientConfig.service.port of the webhook name the port of its Service that serves HTTPS: " + configuration + "."
	case apimessage.WebhookNotFound:
		return "Correct clientConfig.service.path of the webhook, or install the version of its add-on that serves the path: " +
			configuration + "."
	case apimessage.WebhookServerError, apimessage.WebhookInvalidResponse:
		return "Read the log of the Pods behind the webhook: it has the error. " + configuration + " names its Service."
	case apimessage.WebhookRejectsCaller:
		return "Let the webhook's server accept the API server, which sends no credentials unless it is configured to: " +
			"" + configuration + "."
	default:
		return "Compare TLS versions and certificates of the webhook's server with its caBundle: " + configuration + " names its Service."
	}
}

// webhookAnswered reports whether the server behind a webhook answered: its Service and Pods are there, and explain nothing.
func webhookAnswered(b blocked) bool {
	return b.By == apimessage.WebhookFails && apimessage.ParseWebhookFailure(b.evidence.Text).Answered()
}
