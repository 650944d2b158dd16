package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"

	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

const (
	// tableAccept asks for the columns that an API server prints.
	tableAccept = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
	// getPage is the number of objects in a response.
	getPage = 500
)

type getOptions struct {
	cluster       clusterFlags
	contexts      contextFlags
	clusters      string
	hubNamespace  string
	selector      string
	output        string
	allNamespaces bool
	watch         bool
	timeout       time.Duration
	// printed table, whose columns changes keep.
	printed *fleetTable
}

// width to shorten columns to; -o wide does not.
func (o *getOptions) width(streams Streams) int {
	if o.output == "wide" {
		return 0
	}
	return terminalWidth(streams.Out)
}

func newGet(streams Streams) *cobra.Command {
	o := getOptions{}
	cmd := &cobra.Command{
		Use:   "get KIND [NAME]",
		Short: "List objects of several clusters in one table",
		Long: `List objects of any kind in several clusters, with the columns that each API server prints and one for the cluster.
--clusters selects ManagedClusters by their labels; they are read with the kubeconfigs of their Secrets, which you must be able to
read. --contexts selects contexts of the kubeconfig, which are read with your own credentials. A cluster that does not answer costs
its --cluster-timeout and no other one; the exit code is then 2.`,
		Example: `  kubeops get pods -n shop --clusters environment=production
  kubeops get deploy web -n shop --contexts "prod-*" -o wide
  kubeops get nodes --clusters "" -w`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return fmt.Errorf("%q requires a kind, such as pods", cmd.CommandPath())
			}
			return maxArguments(2)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return o.run(cmd, streams, args) },
	}
	flags := cmd.Flags()
	o.cluster.register(flags)
	o.cluster.complete(cmd)
	flags.StringVar(&o.clusters, "clusters", "", "label selector of ManagedClusters; an empty one selects all")
	flags.StringVar(&o.hubNamespace, "clusters-namespace", "", "namespace of the ManagedClusters (default: the context's)")
	flags.StringSliceVar(&o.contexts.names, "contexts", nil, "kubeconfig contexts or globs; can be repeated")
	flags.StringVarP(&o.selector, "selector", "l", "", "label selector of the objects")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "all namespaces")
	flags.StringVarP(&o.output, "output", "o", "table", "format: table, wide, json, yaml")
	flags.BoolVarP(&o.watch, "watch", "w", false, "print changes after the list, until interrupted (-o table or wide)")
	flags.DurationVar(&o.timeout, "cluster-timeout", memberTimeout, "stop reading a cluster after this time")
	complete(cmd, "output", "table", "wide", "json", "yaml")
	completeWith(cmd, "contexts", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return o.cluster.contexts(), silent
	})
	completeWith(cmd, "clusters-namespace", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		target, err := o.cluster.resolve()
		if err != nil {
			return nil, silent
		}
		found, err := namespaces(ctx, target)
		if err != nil {
			return nil, silent
		}
		return found, silent
	})
	cmd.ValidArgsFunction = o.completeKinds
	return cmd
}

// completeKinds completes the kinds of the cluster of the context.
func (o *getOptions) completeKinds(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, silent
	}
	target, err := o.cluster.resolve()
	if err != nil {
		return nil, silent
	}
	target.config.Timeout = completionTimeout
	kinds, _, err := listable(cmd.Context(), target)
	if err != nil {
		return nil, silent
	}
	var names []string
	for _, kind := range kinds {
		names = append(names, kind.Name)
	}
	return names, silent
}

func (o *getOptions) validate(cmd *cobra.Command) error {
	byLabel := cmd.Flags().Changed("clusters")
	byContext := len(o.contexts.names) > 0
	switch {
	case byLabel && byContext:
		return errors.New("--clusters and --contexts are mutually exclusive")
	case byContext && cmd.Flags().Changed("context"):
		return errors.New("--context selects one cluster, --contexts several: use one of them")
	case !byLabel && !byContext:
		return errors.New("select clusters with --clusters or --contexts; `kubectl get` reads one")
	case o.timeout <= 0:
		return fmt.Errorf("invalid --cluster-timeout %s: must be positive", o.timeout)
	case o.watch && o.output != "table" && o.output != "wide":
		return errors.New("-w prints a table: use -o table or -o wide")
	}
	return oneOf("-o", o.output, "table", "wide", "json", "yaml")
}

// members are the selected clusters, and the namespace to read.
func (o *getOptions) members(ctx context.Context) (members []member, namespace string, err error) {
	if len(o.contexts.names) > 0 {
		names, _, err := o.contexts.resolve(&o.cluster)
		if err != nil {
			return nil, "", err
		}
		for _, name := range names {
			flags := o.cluster
			flags.overrides.CurrentContext = name
			target, err := flags.resolve()
			members = append(members, member{name: name, config: target.config, own: true, problem: err})
			if namespace == "" {
				namespace = target.namespace
			}
		}
		return members, namespace, nil
	}
	hub := o.cluster
	hub.overrides.Context.Namespace = o.hubNamespace
	s, err := hub.open()
	if err != nil {
		return nil, "", err
	}
	found, err := s.managedClusters(ctx, o.clusters)
	if err != nil {
		return nil, "", err
	}
	if len(found) == 0 {
		return nil, "", fmt.Errorf("no ManagedCluster in %s of context %q matches --clusters %q; use --clusters-namespace to select "+
			"another namespace", s.where(), s.target.cluster, o.clusters)
	}
	namespace = s.namespace
	if selected := o.cluster.overrides.Context.Namespace; selected != "" {
		namespace = selected
	}
	return s.members(ctx, found), namespace, nil
}

func (o *getOptions) run(cmd *cobra.Command, streams Streams, args []string) error {
	if err := o.validate(cmd); err != nil {
		return err
	}
	members, namespace, err := o.members(cmd.Context())
	if err != nil {
		return err
	}
	if o.allNamespaces {
		namespace = ""
	}
	q := query{kind: args[0], namespace: namespace, selector: o.selector, table: o.output == "table" || o.output == "wide"}
	if len(args) > 1 {
		q.name = args[1]
	}
	answers := make([]answer, len(members))
	inParallel(len(members), func(i int) {
		limited, cancel := context.WithTimeout(cmd.Context(), o.timeout)
		defer cancel()
		answers[i] = q.read(limited, members[i])
	})
	var problems []clusterProblem
	for _, a := range answers {
		if a.problem != nil {
			problems = append(problems, clusterProblem{Cluster: a.cluster, Message: a.problem.Error()})
		}
	}
	if err := o.print(streams, answers, problems); err != nil {
		return err
	}
	if o.watch && len(problems) < len(answers) {
		return o.follow(cmd.Context(), streams, q, members, answers)
	}
	return unreadClusters(problems)
}

func (o *getOptions) print(streams Streams, answers []answer, problems []clusterProblem) error {
	type item struct {
		Cluster string         `json:"cluster"`
		Object  map[string]any `json:"object"`
	}
	if o.output == "json" || o.output == "yaml" {
		document := struct {
			Items    []item           `json:"items"`
			Problems []clusterProblem `json:"problems,omitempty"`
		}{Items: []item{}, Problems: problems}
		for _, a := range answers {
			for _, object := range a.objects {
				document.Items = append(document.Items, item{a.cluster, object})
			}
		}
		if o.output == "json" {
			return render.JSON(streams.Out, document)
		}
		return render.YAML(streams.Out, document)
	}
	o.printed = newFleetTable(answers, o.allNamespaces, o.output == "wide")
	for _, a := range answers {
		o.printed.add(a.cluster, a.table.Rows)
	}
	if err := o.printed.print(streams.Out, true, o.width(streams)); err != nil {
		return err
	}
	out := &textWriter{w: streams.Err, width: terminalWidth(streams.Err)}
	for _, problem := range problems {
		out.block("", "  ", fmt.Sprintf("cluster %s: %s", problem.Cluster, problem.Message))
	}
	return out.err
}

// query is what to read in each cluster.
type query struct {
	kind, name, namespace, selector string
	table                           bool
}

// answer of one cluster.
type answer struct {
	cluster string
	problem error
	table   metav1.Table
	objects []map[string]any
	// client and path to go on from.
	client rest.Interface
	path   []string
	kind   listedKind
}

// read the objects of one cluster.
func (q query) read(ctx context.Context, m member) answer {
	a := answer{cluster: m.name, problem: m.problem}
	if a.problem != nil {
		return a
	}
	if a.kind, a.problem = q.resolve(ctx, m); a.problem != nil {
		return a
	}
	config := unlimited(m.config)
	config.NegotiatedSerializer = serializer.NewCodecFactory(runtime.NewScheme()).WithoutConversion()
	client, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		a.problem = fmt.Errorf("load kubeconfig: %w", err)
		return a
	}
	a.client = client
	a.path = pathOf(a.kind, q.namespace)
	for next := ""; ; {
		request := q.request(a, "").Param("limit", fmt.Sprint(getPage))
		if next != "" {
			request = request.Param("continue", next)
		}
		raw, err := request.Do(ctx).Raw()
		if err != nil {
			a.problem = m.target().failed(err, "list "+a.kind.Name)
			return a
		}
		if next, err = a.decode(raw, q); err != nil {
			a.problem = fmt.Errorf("the API server of %s returned no list of %s", m.name, a.kind.Name)
			return a
		}
		if next == "" {
			return a
		}
	}
}

// request for the list, or for a watch from a resource version on.
func (q query) request(a answer, from string) *rest.Request {
	request := a.client.Get().AbsPath(a.path...)
	if q.table {
		request = request.SetHeader("Accept", tableAccept).Param("includeObject", "Metadata")
	}
	if q.selector != "" {
		request = request.Param("labelSelector", q.selector)
	}
	if q.name != "" {
		request = request.Param("fieldSelector", "metadata.name="+q.name)
	}
	if from != "" {
		request = request.Param("watch", "1").Param("resourceVersion", from)
	}
	return request
}

// decode adds a page, and returns how to continue; empty at the end.
func (a *answer) decode(raw []byte, q query) (next string, err error) {
	if q.table {
		var page metav1.Table
		if err := json.Unmarshal(raw, &page); err != nil || page.Kind != "Table" {
			return "", errors.Join(err, errors.New("no table"))
		}
		if len(page.ColumnDefinitions) == 0 {
			page.ColumnDefinitions = a.table.ColumnDefinitions
		}
		page.Rows = append(a.table.Rows, page.Rows...)
		a.table = page
		return page.Continue, nil
	}
	var page struct {
		Metadata metav1.ListMeta  `json:"metadata"`
		Items    []map[string]any `json:"items"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return "", err
	}
	a.objects = append(a.objects, page.Items...)
	return page.Metadata.Continue, nil
}

// resolve a kind by its resource, kind or short name, with the group after a dot where it is ambiguous.
func (q query) resolve(ctx context.Context, m member) (listedKind, error) {
	client, err := discovery.NewDiscoveryClientForConfig(unlimited(m.config))
	if err != nil {
		return listedKind{}, fmt.Errorf("load kubeconfig: %w", err)
	}
	lists, err := client.ServerPreferredResourcesWithContext(ctx)
	if err != nil && !discovery.IsGroupDiscoveryFailedError(err) {
		return listedKind{}, m.target().failed(err, "read the APIs of the cluster")
	}
	wanted, group, qualified := strings.Cut(strings.ToLower(q.kind), ".")
	for _, list := range lists {
		version, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil || qualified && version.Group != group {
			continue
		}
		for _, r := range list.APIResources {
			names := append([]string{r.Name, r.SingularName, strings.ToLower(r.Kind)}, r.ShortNames...)
			if slices.Contains(names, wanted) && slices.Contains(r.Verbs, "list") && !strings.Contains(r.Name, "/") {
				return listedKind{version.WithResource(r.Name), r.Name, r.Kind, r.Namespaced}, nil
			}
		}
	}
	return listedKind{}, fmt.Errorf("the cluster does not serve %q", q.kind)
}

// pathOf a kind in a namespace. An empty namespace is all.
func pathOf(kind listedKind, namespace string) []string {
	path := []string{"apis", kind.Group, kind.Version}
	if kind.Group == "" {
		path = []string{"api", kind.Version}
	}
	if kind.namespaced && namespace != "" {
		path = append(path, "namespaces", namespace)
	}
	return append(path, kind.Resource)
}

// follow prints the changes of all clusters until ctx ends. A watch that ends begins again where it was, or with a new list.
func (o *getOptions) follow(ctx context.Context, streams Streams, q query, members []member, answers []answer) error {
	rows := make(chan fleetRows)
	for i := range answers {
		if answers[i].problem == nil {
			go q.watch(ctx, answers[i], members[i], rows)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case changed := <-rows:
			o.printed.rows = nil
			o.printed.add(changed.cluster, changed.rows)
			if err := o.printed.print(streams.Out, false, o.width(streams)); err != nil {
				return err
			}
		}
	}
}

// fleetRows are rows of a cluster.
type fleetRows struct {
	cluster string
	rows    []metav1.TableRow
}

// watch sends changed rows until ctx ends.
func (q query) watch(ctx context.Context, a answer, m member, rows chan<- fleetRows) {
	const retry = time.Second
	from := a.table.ResourceVersion
	for ctx.Err() == nil {
		stream, err := q.request(a, from).Stream(ctx)
		if err == nil {
			from, err = copyRows(ctx, stream, a.cluster, from, rows)
			_ = stream.Close()
		}
		if errors.Is(err, errExpired) {
			if again := q.read(ctx, m); again.problem == nil {
				from = again.table.ResourceVersion
				send(ctx, rows, fleetRows{a.cluster, again.table.Rows})
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// errExpired is a resource version that the server no longer has.
var errExpired = errors.New("the watch expired")

// copyRows sends the rows of a watch until it ends, and returns the last resource version.
func copyRows(ctx context.Context, stream io.Reader, cluster, from string, rows chan<- fleetRows) (string, error) {
	decoder := json.NewDecoder(stream)
	for {
		var event struct {
			Type   string       `json:"type"`
			Object metav1.Table `json:"object"`
		}
		if err := decoder.Decode(&event); err != nil {
			return from, err
		}
		if event.Type == "ERROR" {
			return from, errExpired
		}
		for _, row := range event.Object.Rows {
			if metadata := rowMetadata(row); metadata.ResourceVersion != "" {
				from = metadata.ResourceVersion
			}
		}
		send(ctx, rows, fleetRows{cluster, event.Object.Rows})
	}
}

func send(ctx context.Context, rows chan<- fleetRows, changed fleetRows) {
	select {
	case rows <- changed:
	case <-ctx.Done():
	}
}

// rowMetadata is the metadata of the object of a row.
func rowMetadata(row metav1.TableRow) metav1.ObjectMeta {
	var object metav1.PartialObjectMetadata
	_ = json.Unmarshal(row.Object.Raw, &object) // a row without an object has no namespace
	return object.ObjectMeta
}

// cellText is a cell as kubectl prints it.
func cellText(value any) string {
	if value == nil {
		return "<none>"
	}
	return printable.Line(fmt.Sprint(value))
}
