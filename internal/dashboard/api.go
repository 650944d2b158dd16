package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// apiPath is where the description of the API is, without its extension.
const apiPath = "/api/v1/openapi"

// registerAPI adds the operations to a mux, and returns the description of all of them.
func (s *Server) registerAPI(mux *http.ServeMux) huma.API {
	config := huma.DefaultConfig("KubeOps dashboard", "v1")
	config.Info.Description = "What the resources of KubeOps say, with the permissions of the viewer. Every operation reads."
	config.OpenAPIPath = apiPath
	config.DocsPath = "" // the built-in pages load scripts of other sites
	config.SchemasPath = ""
	config.CreateHooks = nil // no $schema in bodies
	config.Transformers = []huma.Transformer{withInstance}
	config.Formats = map[string]huma.Format{"application/json": jsonFormat(), "json": jsonFormat()}
	api := humago.New(mux, config)
	api.UseMiddleware(func(ctx huma.Context, next func(huma.Context)) { rejectEmptyNumbers(api, ctx, next) })
	read(api, "getYou", "/api/v1/you", "Who you are, and what you can see", s.getYou)
	read(api, "getOverview", "/api/v1/overview", "What is broken, the newest and worst first", s.getOverview)
	read(api, "listInspections", "/api/v1/inspections", "Inspections", s.listInspections)
	read(api, "getLatestReport", "/api/v1/namespaces/{namespace}/inspections/{name}/report", "Last report of an Inspection",
		s.getLatestReport)
	read(api, "getReport", "/api/v1/namespaces/{namespace}/reports/{name}", "Report by its name", s.getReport)
	read(api, "listBackends", "/api/v1/backends", "Metrics backends, log backends, language models and build servers", s.listBackends)
	read(api, "getStoredLines", "/api/v1/namespaces/{namespace}/logbackends/{name}/lines", "Lines of a namespace that a LogBackend has",
		s.getStoredLines)
	read(api, "getUsage", "/api/v1/namespaces/{namespace}/metricsbackends/{name}/usage",
		"Usage of the Pods of a namespace, as a MetricsBackend has it", s.getUsage)
	read(api, "listChannels", "/api/v1/channels", "Notification channels", s.listChannels)
	read(api, "listClusters", "/api/v1/clusters", "Clusters", s.listClusters)
	read(api, "listPipelines", "/api/v1/pipelines", "Pipelines", s.listPipelines)
	read(api, "listRuns", "/api/v1/runs", "Runs of Pipelines", s.listRuns)
	read(api, "getRun", "/api/v1/namespaces/{namespace}/runs/{name}", "Run of a Pipeline, with its stages", s.getRun)
	read(api, "listBundles", "/api/v1/bundles", "ResourceBundles", s.listBundles)
	read(api, "getBundle", "/api/v1/namespaces/{namespace}/bundles/{name}", "ResourceBundle, with its state in each cluster", s.getBundle)
	read(api, "listKinds", "/api/v1/explorer", "Kinds of the cluster that you can list", s.listKinds)
	read(api, "getSchema", "/api/v1/schemas/{resource}", "Fields of a kind, from the OpenAPI description of the API server", s.getSchema)
	read(api, "listRows", "/api/v1/explorer/{resource}", "Objects of a kind, as kubectl get prints them", s.listRows)
	read(api, "getClusterObject", "/api/v1/explorer/{resource}/{name}", "Object of the cluster: YAML, owners, events and field managers",
		s.getClusterObject)
	read(api, "getObject", "/api/v1/namespaces/{namespace}/explorer/{resource}/{name}",
		"Object of a namespace: YAML, owners, events and field managers", s.getObject)
	read(api, "getLog", "/api/v1/namespaces/{namespace}/pods/{name}/log", "Last lines of the log of a container", s.getLog)
	return api
}

// read registers an operation. All of them are GET.
func read[I, O any](api huma.API, id, path, summary string, handler func(context.Context, *I) (*O, error)) {
	huma.Register(api, huma.Operation{
		OperationID: id, Method: http.MethodGet, Path: path, Summary: summary,
		Errors: []int{
			http.StatusUnauthorized, http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusBadGateway,
			http.StatusServiceUnavailable, http.StatusGatewayTimeout,
		},
	}, handler)
}

// rejectEmptyNumbers answers 422 to parameters without a value that are not texts: an empty number or truth value would otherwise be the
// default, which the description does not say.
func rejectEmptyNumbers(api huma.API, ctx huma.Context, next func(huma.Context)) {
	given, err := url.ParseQuery(ctx.URL().RawQuery)
	if err != nil { // what can be parsed is judged as it is
		next(ctx)
		return
	}
	for _, parameter := range ctx.Operation().Parameters {
		values, is := given[parameter.Name]
		if parameter.In != "query" || !is || parameter.Schema.Type == huma.TypeString || parameter.Schema.Type == huma.TypeArray {
			continue
		}
		if slices.Contains(values, "") {
			_ = huma.WriteErr(api, ctx, http.StatusUnprocessableEntity, "Parameter "+parameter.Name+" has no value.") // the viewer has gone
			return
		}
	}
	next(ctx)
}

// withInstance adds the id of the request to a problem.
func withInstance(ctx huma.Context, _ string, body any) (any, error) {
	if found, ok := body.(*huma.ErrorModel); ok {
		found.Instance = instance(ctx.Context())
	}
	return body, nil
}

func jsonFormat() huma.Format {
	format := huma.DefaultJSONFormat
	format.Unmarshal = json.Unmarshal
	return format
}
