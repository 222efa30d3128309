package pki

import (
	"bytes"
	"errors"
	"time"
)

// maxSignatureChecks bounds the work that one path may cause, whatever set of
// certificates a stranger attaches. Genuine paths take four.
const maxSignatureChecks = 100

// Path is a certification path: the leaf first, each certificate issued by the
// next, a trusted one last.
type Path []*Certificate

// Validator finds certification paths to a set of trusted certificates (RFC 5280
// §6.1, RS-002). It is immutable but for its cache, and safe for concurrent use.
type Validator struct {
	trusted []*Certificate
	cache   *SignatureCache
}

// NewValidator makes a validator with the given trust anchors, self-issued or
// not. The cache may be shared between validators, and may be nil.
func NewValidator(trusted []*Certificate, cache *SignatureCache) *Validator {
	return &Validator{trusted: append([]*Certificate(nil), trusted...), cache: cache}
}

// Path returns a certification path of at least two certificates from leaf, this
// very one, to a trusted certificate, by way of any of the intermediates. At the
// given instant every certificate on it is within its validity; each is signed by
// the next, whose name is its issuer's; each but the leaf is an authority with no
// more certificates between it and the leaf than its path length permits. When
// several certificates could be an issuer, all are tried, trusted ones first.
//
// No node is on a path twice. So a trust anchor, given as the leaf, has no path to
// itself or to another certificate of the same key.
//
// Errors: ErrExpired or ErrNotYetValid when that is so of the leaf, else
// ErrUntrusted, which wraps the nearest candidate's defect.
func (v *Validator) Path(leaf *Certificate, intermediates []*Certificate, at time.Time) (Path, error) {
	if err := leaf.CheckValidity(at); err != nil {
		return nil, err
	}
	s := search{Validator: v, intermediates: intermediates, at: at, path: make(Path, 1, 4)}
	s.path[0] = leaf
	if s.climb() {
		return s.path, nil
	}
	return nil, refuse(ErrUntrusted, "no path from "+leaf.subjectID+" to a trusted certificate", s.defect)
}

// search is a depth-first search for one path.
type search struct {
	*Validator
	intermediates []*Certificate
	at            time.Time
	path          Path  // from the leaf as far as climbed
	checks        int   // signature checks so far, remembered ones included
	defect        error // what was wrong with the last candidate refused
}

// climb extends the path to a trust anchor. Its depth is bounded by the count of
// signature checks, as each step takes one.
func (s *search) climb() bool {
	top := s.path[len(s.path)-1]
	for _, anchor := range s.trusted {
		if s.isIssuer(top, anchor) {
			s.path = append(s.path, anchor)
			return true
		}
	}
	for _, candidate := range s.intermediates {
		if !s.isIssuer(top, candidate) {
			continue
		}
		s.path = append(s.path, candidate)
		if s.climb() {
			return true
		}
		s.path = s.path[:len(s.path)-1]
	}
	return false
}

// isIssuer tells whether the candidate can be the next certificate on the path.
// The costly check comes last.
func (s *search) isIssuer(top, candidate *Certificate) bool {
	if !namesIssuer(top, candidate) || s.contains(candidate) {
		return false
	}
	err := s.checkIssuer(top, candidate)
	if err != nil && (s.defect == nil || !errors.Is(err, ErrSignature)) {
		s.defect = err
	}
	return err == nil
}

// namesIssuer tells whether the candidate has the name, and the key identifier
// if both sides give one, that c says its issuer has.
func namesIssuer(c, candidate *Certificate) bool {
	wanted, offered := c.parsed.AuthorityKeyId, candidate.parsed.SubjectKeyId
	return bytes.Equal(c.parsed.RawIssuer, candidate.parsed.RawSubject) &&
		(len(wanted) == 0 || len(offered) == 0 || bytes.Equal(wanted, offered))
}

// contains tells whether the candidate's subject is on the path already. A path
// through one node twice could only be a detour.
func (s *search) contains(candidate *Certificate) bool {
	for _, c := range s.path {
		if c.subjectID == candidate.subjectID {
			return true
		}
	}
	return false
}

func (s *search) checkIssuer(top, candidate *Certificate) error {
	if err := candidate.CheckValidity(s.at); err != nil {
		return err
	}
	if !candidate.mayIssue() {
		return refuse(ErrNotCA, "certificate of "+candidate.subjectID, nil)
	}
	if limit, limited := candidate.maxPathLen(); limited && len(s.path)-1 > limit {
		return refuse(ErrPathTooLong, "under certificate of "+candidate.subjectID, nil)
	}
	if s.checks++; s.checks > maxSignatureChecks {
		return refuse(ErrUnsupported, "too many possible paths", nil)
	}
	return s.cache.check(top, candidate)
}
