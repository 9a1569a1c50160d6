"""The checks of a platform."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from actors.ports import Identity
from gateway.testing.conformance import answers, frames, requests
from gateway.testing.conformance.checks import Check
from gateway.testing.conformance.subject import Subject

_PROMISES = (
    frames.it_has_its_name,
    frames.its_folder_shows_an_event,
    frames.recorded_frames_are_read,
    frames.recorded_frames_mean_what_is_expected,
    frames.the_same_frame_gives_the_same_events,
    frames.stored_frames_are_read_without_credentials,
    frames.events_of_two_accounts_are_told_apart,
    frames.damaged_frames_are_read,
    frames.any_frame_is_read,
    requests.ids_are_made_of_what_is_given,
    requests.requests_have_their_shape,
    requests.credentials_are_refused_in_words,
    requests.sends_leave_or_are_refused_in_words,
    answers.a_send_is_answered,
    answers.a_registration_is_answered,
    answers.any_answer_is_judged,
    answers.own_messages_are_known_again,
    answers.history_is_asked_for,
)


def platform_checks(
    name: str,
    recorded: Path | str | None = None,
    *,
    identity: Identity | None = None,
    seed: int | None = None,
) -> list[Check]:
    """Return the checks of a platform.

    Args:
        name: In the registry: built in, of an installed package, or ``register``-ed.
        recorded: Its folder of recorded frames (:mod:`.folder` says what may stand in it);
            None: ``frames`` beside its module.
        identity: Whose frames they are; None: the folder's ``identity.json``, or a made-up one.
        seed: Of the random damage; None: the environment's, or a new one.
    """
    folder = None if recorded is None else Path(recorded)
    it = Subject(name, folder, identity, seed)
    return [Check(each.__name__, partial(each, it)) for each in _PROMISES]
