/*
 * A model of package epoch: pin, settle, publish, retire, scan, countdown,
 * reclaim, unpin, refresh, close. check.sh checks it with spin.
 *
 * The explorer (explore_execution_test.go) runs the package's own code through short scenarios.
 * This is the algorithm instead, in all interleavings of more at once. A step
 * here is one access to a shared word there, with what is local behind it; what
 * Domain.mu protects changes in the steps of whoever holds it.
 *
 * Version v contains the windows v and v-1, so window w lives in [w, w+2):
 * publishing v drops window v-2. With CLOSE the windows of the last version are
 * dropped by it, and window 0 is the gate of Close, which lives from 0 on.
 *
 * Properties, by assertion: no window is read after it was freed, none is freed
 * twice or before it was ready, each unpin finds its pin, of two unpins through
 * copies of a guard exactly one does, and Close returns after all is free. When
 * nothing can happen any more (process monitor): everything retired is free, no
 * slot is pinned, no unpin counted, and the reaper has gone. With LIVE, by LTL:
 * that this comes about in every fair execution.
 *
 * A mutant is one #define, of those that check.sh lists.
 */

#ifndef READERS
#define READERS 2 /* processes that pin, read and unpin */
#endif
#ifndef PINS
#define PINS 1 /* of each reader, one after the other */
#endif
#ifndef REFRESHES
#define REFRESHES 0 /* of each pin */
#endif
#ifndef VERSIONS
#define VERSIONS 3 /* the first is there from the start */
#endif
#ifndef SLOTS
#define SLOTS 1 /* of the first table */
#endif
#ifndef COPIES
#define COPIES 0 /* of a guard that is pinned from the start: 0 or 2, which both unpin it */
#endif
#ifndef CLOSE
#define CLOSE 0 /* whether the writer closes the domain in the end: 0 or 1 */
#endif

/* Both tables. There is a word for each pin, and a pin that finds none free, as
 * another took it under its eyes, looks again. */
#define WORDS (READERS + COPIES / 2)

/* A slot's word: version, number of the pin in 3 bits, active. */
#define active(w) ((w) & 1)
#define ver(w) ((w) >> 4)
#define nextWord(old, v) ((v) << 4 | (((old) + 2) & 14) | 1)
#define movedWord(w, v) ((v) << 4 | ((w) & 15))
#define freeWord(w) ((w) & 14)

#define SCANNING 100 /* more than there are unpins */

/* States of a window. */
#define LINKED 0
#define WAITING 1
#define READY 2
#define GONE 3

byte cur = 1;      /* the newest version; 0: closed */
byte word[WORDS];
bit over;          /* the second table is there */
short want;        /* unpins still to come before the next scan; 0: none counted */
byte maxDeath;     /* unpins of versions below it count */
bit wake;          /* the reaper's event */
bit gateOpen;      /* no pin is left in a closed domain */

bit mu;            /* Domain.mu; it protects what follows */
byte state[VERSIONS + 1];
byte death[VERSIONS + 1];
byte waiting;      /* windows in state WAITING, the gate included */
byte pending;      /* windows WAITING, READY or being freed, without the gate */
byte version = 1;
bit reaping;       /* a reaper exists */
bit spawned;       /* ... and has not begun */

#ifdef TABLES_BEFORE_LIST
bit stale;         /* what over was before the last publication */
#endif

byte running = READERS + COPIES + 1;
byte misused;      /* unpins that did not find their pin */

inline lock() { atomic { mu == 0 -> mu = 1 } }
inline unlock() { mu = 0 }

/* startReaper wakes the reaper, or makes one. mu is held. */
inline startReaper() {
	atomic {
		if
		:: reaping -> wake = 1
		:: !reaping && waiting > 0 -> reaping = 1; spawned = 1
		:: else
		fi
	}
}

/* drop takes a window from LINKED to WAITING. mu is held. */
inline drop(w, when) {
	d_step { state[w] = WAITING; death[w] = when; waiting++; pending++ }
}

/*
 * Readers. v, old, w and s are local: the version loaded, what was in the slot,
 * the pin's word (0: none), and its slot.
 */

/* left: a pin of version x has ended. */
inline left(x) {
	if
	:: want > 0 ->
		if
		:: x >= maxDeath
		:: x < maxDeath ->
			do
			:: n = want; /* a local copy: the next step compares with it */
				if
				:: n <= 0 -> break
				:: else
				fi;
				atomic {
					if
					:: want == n ->
						want = n - 1;
						break
					:: else
					fi
				}
			od;
#ifndef NO_KICK
			if
			:: n == 1 -> wake = 1
			:: else
			fi
#endif
		fi
	:: else
	fi
}

/* unpin: Pinned to Free. */
inline unpin() {
#ifdef UNPIN_COUNTS_EARLY
	left(ver(w));
#endif
	atomic {
		if
#ifdef BLIND_UNPIN
		:: true -> word[s] = freeWord(w); found = 1
#else
		:: word[s] == w -> word[s] = freeWord(w); found = 1
		:: else -> found = 0
#endif
		fi
	};
#if !defined(UNPIN_SILENT) && !defined(UNPIN_COUNTS_EARLY)
	if
	:: found -> left(ver(w))
	:: else
	fi;
#endif
	w = 0
}

/* settle: Claimed to Pinned, or to Free if the domain is closed. */
inline settle() {
	do
	:: v = cur;
		if
		:: v == 0 ->
			atomic { assert(word[s] == w); word[s] = freeWord(w) };
			left(ver(w));
			w = 0;
			break
		:: v != 0 && v == ver(w) -> break
		:: v != 0 && v != ver(w) ->
			old = ver(w);
#ifdef SETTLE_COUNTS_EARLY
			left(old);
#endif
			atomic { assert(word[s] == w); w = movedWord(w, v); word[s] = w };
#if !defined(SETTLE_SILENT) && !defined(SETTLE_COUNTS_EARLY)
			left(old);
#endif
#ifdef SETTLE_ONCE
			break
#endif
		fi
	od
}

/* pin: w is 0 afterwards if the domain is closed. */
inline pin() {
	w = 0;
	s = 0;
	v = cur;
	do
	:: v == 0 || w != 0 -> break
	:: v != 0 && w == 0 && (s < SLOTS || (over && s < WORDS)) ->
		old = word[s];
		if
		:: active(old) -> s++
		:: else ->
			atomic {
				if
				:: word[s] == old -> w = nextWord(old, v); word[s] = w
				:: else -> s++
				fi
			}
		fi
	:: v != 0 && w == 0 && s == SLOTS && s < WORDS && !over -> over = 1
	:: v != 0 && w == 0 && s == WORDS -> s = 0
	od;
#ifndef NO_VALIDATE
	if
	:: w != 0 -> settle()
	:: else
	fi
#endif
}

/* read looks at the windows of the pinned version. */
inline read() {
	d_step {
		assert(state[ver(w)] != GONE);
		assert(ver(w) == 1 || state[ver(w) - 1] != GONE)
	}
}

proctype reader() {
	byte v, old, w, s, k, i;
	short n;
	bit found;
	do
	:: i == PINS -> break
	:: i < PINS ->
		i++;
		pin();
		if
		:: w == 0 -> break
		:: else
		fi;
#ifdef UNPIN_BEFORE_READ
		old = w;
		unpin();
		w = old;
		read();
		w = 0;
#else
		read();
		k = 0;
		do
		:: k == REFRESHES || w == 0 -> break
		:: k < REFRESHES && w != 0 ->
			k++;
			settle();
			if
			:: w != 0 -> read()
			:: else
			fi
		od;
		if
		:: w != 0 -> read(); unpin(); assert(found)
		:: else
		fi;
#endif
		v = 0; old = 0; s = 0; n = 0; found = 0; k = 0
	od;
	atomic { running-- }
}

/* copy unpins the guard that is pinned from the start, in slot 0. */
proctype copy() {
	byte w, s;
	short n;
	bit found;
	w = nextWord(0, 1);
	unpin();
	d_step {
		if
		:: found
		:: else -> misused++
		fi;
		running--
	}
}

/*
 * The scan and what it decides; mu is held. seen is a bitmap of the pinned
 * versions, pins the words that hold them.
 */
inline scan() {
	d_step {
		i = 0; seen = 0;
		do :: i < WORDS -> pins[i] = 0; i++ :: else -> break od;
		i = 0
	};
#ifdef TABLES_BEFORE_LIST
	both = stale;
#else
	both = over;
#endif
	do
	:: i < WORDS ->
		if
		:: i < SLOTS || both ->
			d_step {
				pins[i] = word[i];
				if
				:: active(pins[i]) -> seen = seen | (1 << ver(pins[i]))
				:: else -> pins[i] = 0
				fi;
				i++
			}
		:: else -> break
		fi
	:: else -> break
	od
#ifdef LIST_AFTER_SCAN
	; unlock(); lock()
#endif
}

/* sortOut takes what no pinned version contains to READY; the gate opens. */
#ifdef INTERVAL_OFF_BY_ONE
#define firstOf(w) ((w) + 1)
#else
#define firstOf(w) (w)
#endif
#ifdef CLOSE_FREES_AT_ONCE
#define held (cur != 0 && isHeld)
#else
#define held isHeld
#endif
inline sortOut() {
	d_step {
		i = 0; most = 0;
		do
		:: i <= VERSIONS ->
			if
			:: state[i] == WAITING ->
				isHeld = 0;
				k = (i == 0 -> 0 : firstOf(i));
				do
				:: k < death[i] -> isHeld = isHeld || (seen >> k) & 1; k++
				:: else -> break
				od;
				if
				:: held -> if :: death[i] > most -> most = death[i] :: else fi
				:: !held && i == 0 -> state[0] = GONE; waiting--; gateOpen = 1
				:: else -> state[i] = READY; waiting--
				fi
			:: else
			fi;
			i++
		:: else -> break
		od;
		k = 0; i = 0
	}
}

/* highest is the highest death of what waits. */
inline highest() {
	d_step {
		i = 0; most = 0;
		do
		:: i <= VERSIONS ->
			if :: state[i] == WAITING && death[i] > most -> most = death[i] :: else fi;
			i++
		:: else -> break
		od;
		i = 0
	}
}

/* collect: look at what waits, and count the unpins after which to look again. */
inline collect() {
	do
	:: waiting == 0 -> want = 0; break
	:: waiting > 0 ->
		highest();
#ifndef LATE_MAX_DEATH
		maxDeath = most;
#endif
#ifndef LATE_COUNTDOWN
		want = SCANNING;
#endif
		scan();
		sortOut();
		if
		:: waiting > 0 ->
			maxDeath = most;
			d_step {
				i = 0; count = 0;
				do
				:: i < WORDS ->
					if :: active(pins[i]) && ver(pins[i]) < most -> count++ :: else fi;
					i++
				:: else -> break
				od;
				i = 0;
#ifndef LIST_AFTER_SCAN
				assert(count > 0);
#endif
				count = (count + 1) / 2;
#ifdef COUNT_ONE_TOO_MANY
				count++
#endif
			};
#ifdef LATE_COUNTDOWN
			want = count;
			break
#else
			atomic {
				want = want + count - SCANNING;
#ifdef NO_RESCAN
				break
#else
				if
				:: want > 0 -> break
				:: else
				fi
#endif
			}
#endif
		:: else
		fi
	od;
	atomic {
		i = 0;
		do :: i < WORDS -> pins[i] = 0; i++ :: else -> break od;
		i = 0; k = 0; seen = 0; most = 0; count = 0; isHeld = 0; both = 0
	}
}

/* reclaim frees what is READY, with mu given up for each. */
inline reclaim() {
	collect();
	do
	:: d_step {
			i = 1;
			do
			:: i <= VERSIONS && state[i] != READY -> i++
			:: else -> break
			od
		};
		if
		:: i > VERSIONS -> i = 0; break
		:: else ->
			atomic { state[i] = LINKED; mu = 0 }; /* being freed: off the list, not yet gone */
			d_step { assert(state[i] == LINKED); state[i] = GONE };
			atomic { mu == 0 -> mu = 1; pending--; i = 0 }
		fi
	od
}

proctype reaper() {
	byte pins[WORDS], i, k, most;
	short count;
	byte seen;
	bit isHeld, both, done;
end_none:
	do
	:: atomic { spawned -> spawned = 0 };
		do
		:: lock();
			reclaim();
			atomic {
				done = (waiting == 0);
#ifndef REAPER_LEAVES_LATE
				if :: done -> reaping = 0 :: else fi;
#endif
				mu = 0
			};
			if
			:: done -> break
			:: else
			fi;
end_sleeps:
			atomic { wake -> wake = 0 }
		od;
#ifdef REAPER_LEAVES_LATE
		lock(); reaping = 0; unlock();
#endif
		done = 0
	od
}

proctype writer() {
	byte pins[WORDS], i, k, most;
	short count;
	byte seen;
	bit isHeld, both;
	do
	:: version == VERSIONS -> break
	:: version < VERSIONS ->
		atomic {
			mu == 0 -> mu = 1;
			version++
#ifdef TABLES_BEFORE_LIST
			; stale = over
#endif
		};
#ifdef RECLAIM_FIRST
		if :: version > 2 -> drop(version - 2, version); reclaim() :: else fi;
		cur = version;
#else
		cur = version;
		if :: version > 2 -> drop(version - 2, version) :: else fi;
#endif
		startReaper();
		unlock()
	od;
#if CLOSE
	lock();
	version++;
#ifndef CLOSE_KEEPS_CUR
	cur = 0;
#endif
	drop(version - 1, version);
	if :: version > 2 -> drop(version - 2, version) :: else fi;
	d_step { state[0] = WAITING; death[0] = version; waiting++ };
	reclaim();
#ifdef CLOSE_KEEPS_CUR
	cur = 0;
#endif
	startReaper();
	unlock();
	gateOpen;
	pending == 0;
	d_step {
		i = 1;
		do
		:: i < version -> assert(state[i] == GONE); i++
		:: else -> break
		od
	};
#endif
	atomic { running-- }
}

/* atRest: all is done and nothing is kept. */
#define atRest (running == 0 && waiting == 0 && pending == 0 && want == 0 && !reaping && !spawned && !mu && misused == COPIES / 2)

/* monitor runs when nothing else can. */
proctype monitor() {
	byte i;
	timeout;
	d_step {
		assert(running == 0);
		assert(misused == COPIES / 2);
		assert(waiting == 0 && pending == 0);
		assert(want == 0 && !reaping && !mu);
		do
		:: i < WORDS -> assert(!active(word[i])); i++
		:: else -> break
		od
	}
}

/* idle goes on for ever where nothing else can, so that no execution ends: those
 * that do are left out of the search for fair ones. */
proctype idle() {
	do
	:: timeout
	od
}

init {
	byte i;
	atomic {
#if COPIES
		word[0] = nextWord(0, 1);
		i = 0;
		do :: i < COPIES -> run copy(); i++ :: else -> break od;
#endif
		i = 0;
		do :: i < READERS -> run reader(); i++ :: else -> break od;
		run reaper();
		run writer();
#ifdef LIVE
		run idle()
#else
		run monitor()
#endif
	}
}

#ifdef LIVE
ltl reclaimed { <> [] atRest }
#endif
