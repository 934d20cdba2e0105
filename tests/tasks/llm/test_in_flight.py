import asyncio
import time

from tasks.llm.in_flight import InFlight


def run_many(window: InFlight, count: int) -> int:
    """Largest number of holders at once."""
    held, most = 0, 0

    async def hold() -> None:
        nonlocal held, most
        async with window.slot():
            held += 1
            most = max(most, held)
            await asyncio.sleep(0)
            held -= 1

    async def run() -> None:
        await asyncio.gather(*(hold() for _ in range(count)))

    asyncio.run(run())
    return most


def test_no_more_than_the_window_are_in_flight() -> None:
    assert run_many(InFlight(3), 20) == 3


def test_a_complaint_halves_the_window_and_answers_widen_it_to_its_bound() -> None:
    window = InFlight(8)
    window.narrow(time.monotonic())
    assert window.limit == 4
    for _ in range(4):
        window.widen()
    assert window.limit == 4
    window.widen()
    assert window.limit == 5
    for _ in range(100):
        window.widen()
    assert window.limit == 8


def test_complaints_about_one_wide_window_count_once() -> None:
    window, entered = InFlight(16), time.monotonic()
    for _ in range(5):
        window.narrow(entered)
    assert window.limit == 8
    window.narrow(time.monotonic())
    assert window.limit == 4


def test_one_request_is_always_allowed() -> None:
    window = InFlight(2)
    for _ in range(5):
        window.narrow(time.monotonic())
    assert window.limit == 1
    assert run_many(window, 5) == 1


def test_a_cancelled_waiter_gives_its_turn_to_the_next() -> None:
    async def run() -> list[str]:
        window, done = InFlight(1), []

        async def hold(name: str) -> None:
            async with window.slot():
                done.append(name)

        async with window.slot():
            first, second = asyncio.create_task(hold("first")), asyncio.create_task(hold("second"))
            await asyncio.sleep(0)
            first.cancel()
            await asyncio.sleep(0)
        await second
        return done

    assert asyncio.run(run()) == ["second"]
