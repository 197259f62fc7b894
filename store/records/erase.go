package records

// erase takes the bodies and all that tells a person from a record. Digests that were computed from them are kept, so that
// the record's leaf stays the same.
func (r *record) erase(h *hasher) {
	if r.state != stateWhole {
		return
	}
	r.personal = h.personal(r)
	r.state = stateErased
	for i := range r.sides {
		r.sides[i].erase()
	}
	for i := textPersonal; i < textCount; i++ {
		r.texts[i] = ""
	}
}

func (s *side) erase() {
	passed, kept := s.passedSum(), s.keptSum()
	if s.digest == digestOfKept {
		s.digest, s.sum = digestGiven, passed
	}
	s.kept = kept
	s.body, s.file, s.packed, s.erased = nil, false, false, true
	s.chunks, s.frames, s.parts = nil, nil, nil
}
