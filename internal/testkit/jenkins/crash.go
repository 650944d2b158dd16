package jenkins

import (
	"net/http"
	"net/http/httptest"
)

// Crash kills the server at the n-th request from now on: it is executed, unless lost is set, and neither it nor a later one is answered
// until Start. See Kill for what the server has lost then.
func (s *Server) Crash(n int, lost bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash.at = n
	s.crash.lost = lost
	s.crash.requests = 0
}

// Down reports whether the server has crashed.
func (s *Server) Down() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crash.down
}

// Start a server again that has crashed.
func (s *Server) Start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crash.down = false
}

// crashes reports whether a request has no answer.
func (s *Server) crashes(r *http.Request) bool {
	if s.crash.down {
		return true
	}
	if s.crash.requests++; s.crash.requests != s.crash.at {
		return false
	}
	if !s.crash.lost {
		s.answer(httptest.NewRecorder(), r)
	}
	s.kill()
	s.crash.down = true
	return true
}

// kill loses what was not saved.
func (s *Server) kill() {
	s.queue = s.saved.queue
	s.nextID = s.saved.nextID
	s.saved.queue = nil
	s.left = nil
	s.sessions++
	for _, job := range s.jobs {
		for _, b := range job.builds {
			if b.Building && !job.Pipeline {
				b.Building = false
				b.Result = "ABORTED"
			}
		}
	}
}
