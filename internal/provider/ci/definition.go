package ci

import "context"

// Definer is a Provider that can create jobs, and update those that it created.
type Definer interface {
	// CheckDefinition that Ensure can create or update the job of a request, and that the definition declares its parameters. It changes
	// nothing.
	CheckDefinition(ctx context.Context, request Request, definition Definition) error
	// Ensure that the job of a request exists with a definition. A job that was created by others, or for another owner, is a problem of
	// reason JobNotManaged, unless the definition permits to overwrite it. It may be called again after any error.
	Ensure(ctx context.Context, request Request, definition Definition) error
	// Changed reports whether others changed the job since Ensure created or updated it with this definition.
	Changed(ctx context.Context, request Request, definition Definition) (bool, error)
}

// SCM is a script in a Git repository.
type SCM struct {
	// Repository is its URL, Branch the name of a branch, and Path that of the script, such as Jenkinsfile.
	Repository, Branch, Path string
	// CredentialsID of the server's own credentials for the repository; empty for none.
	CredentialsID string
}

// Definition of a job: either Config or Script is set.
type Definition struct {
	// Config of the job in the format of the server, such as config.xml.
	Config []byte
	// Script of the job, such as a Jenkinsfile. The job declares the parameters of the request.
	Script string
	// SCM has the script of the job in a Git repository, which the server reads for each build. The job declares the parameters of the
	// request.
	SCM *SCM
	// Owner is written into the job, and compared with what was written before.
	Owner string
	// Cluster of the owner, which is written beside it; empty for none.
	Cluster string
	// Overwrite permits to replace a job of others.
	Overwrite bool
	// Correct lets Ensure update a job that others changed, as Changed reports it.
	Correct bool
}
