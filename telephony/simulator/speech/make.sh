#!/bin/sh
# Makes the caller's recordings of the demo: Debian's flite, voice "rms", cut to the telephone's band, 8 kHz µ-law.
# Needs the packages flite and sox. The voices descend from the CMU ARCTIC recordings, which are free to use.
set -eu
cd "$(dirname "$0")"

say() { # say FILE TEXT
  flite -voice rms --setf duration_stretch=1.05 -t "$2" -o "/tmp/$1.full.wav"
  sox "/tmp/$1.full.wav" -r 8000 -c 1 -e mu-law "$1.wav" gain -n -8 highpass 200 lowpass 3500
  rm "/tmp/$1.full.wav"
}

say hours "What are your opening hours?"
say services "What services do you offer?"
say interrupt "Stop, I would like to book an appointment."
say doctor "Doctor Khan, please."
say day "On Tuesday."
say time "At half past four."
say yes "Yes, please."
say bye "No, thank you, goodbye."
