package bus

import (
	"os"
	"testing"
	"time"

	"spolupis/collab"
	"spolupis/security/database/dbtest"
)

// each runs run with two ends of every kind of bus.
func each(t *testing.T, run func(t *testing.T, a, b collab.Fanout)) {
	t.Run("memory", func(t *testing.T) {
		m := &Memory{}
		run(t, m, m)
	})
	t.Run("redis", func(t *testing.T) {
		url := os.Getenv("SPOLUPIS_TEST_REDIS")
		if url == "" {
			dbtest.Missing(t, "Redis (SPOLUPIS_TEST_REDIS is not set)")
		}
		run(t, dial(t, url), dial(t, url))
	})
}

func dial(t *testing.T, url string) *Redis {
	r, err := NewRedis(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// until publishes on from until the subscriber at the other end has heard: subscribing takes a moment.
func until(t *testing.T, from collab.Fanout, topic, message string, heard <-chan string) string {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		from.Publish(topic, []byte(message))
		select {
		case got := <-heard:
			return got
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%q on %s did not arrive", message, topic)
		}
	}
}

func TestAMessageReachesTheSubscribersOfItsTopicOnly(t *testing.T) {
	each(t, func(t *testing.T, a, b collab.Fanout) {
		topic := t.Name()
		mine, others := make(chan string, 100), make(chan string, 100)
		cancel := b.Subscribe(topic, func(m []byte) { mine <- string(m) })
		defer b.Subscribe(topic+".other", func(m []byte) { others <- string(m) })()
		if got := until(t, a, topic, "one\x00\xff", mine); got != "one\x00\xff" {
			t.Errorf("got %q", got)
		}
		if got := until(t, a, topic+".other", "two", others); got != "two" {
			t.Errorf("the other topic got %q", got)
		}
		cancel()
		cancel() // twice is once
		for len(mine) > 0 {
			<-mine
		}
		again := make(chan string, 100)
		defer b.Subscribe(topic, func(m []byte) { again <- string(m) })()
		until(t, a, topic, "three", again)
		if len(mine) > 0 && <-mine == "three" {
			t.Error("heard after cancel")
		}
	})
}
