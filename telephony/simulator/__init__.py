"""The carrier in the box: plays Vobiz's whole side of a call against this or any other installation.

It imports nothing of ours except `telephony.vobiz` (for making signatures), because it is the judge: the carrier's side
of the stream protocol is written here a second time, independently. Start reading at `call.py`.
"""
