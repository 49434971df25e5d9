"""The in-process API on a tiny random model: a real engine, a real tokenizer."""

import json
import signal
import threading

import numpy as np
import pytest

from core import LLM, SamplingParams
from core.errors import DeviceUnusable, InvalidRequest, ModelUnusable, NeverFits, NotFound
from core.protocol import FinishReason

GREEDY = SamplingParams(temperature=0.0, max_tokens=12)


@pytest.fixture(scope="module")
def llm(tiny_model):
    with LLM(tiny_model, num_slots=16, max_tokens_per_step=64, kv_tokens=1024) as llm:
        yield llm
        llm._loop.check_idle()


def hello(text="Hello"):
    return [{"role": "user", "content": text}]


def test_results_come_in_order_with_text_ids_and_usage(llm):
    prompts = ["One two", [70, 71, 72], "Three, four"]
    results = llm.generate(prompts, GREEDY)
    assert [r.prompt_token_ids for r in results] == [
        llm.prompts.text("One two").ids,
        [70, 71, 72],
        llm.prompts.text("Three, four").ids,
    ]
    for result in results:
        assert result.text == llm.prompts.tokenizer.decode(result.token_ids)
        assert result.usage.output_tokens == len(result.token_ids) == 12
        assert result.finish_reason is FinishReason.LENGTH
        assert result.logprobs is None


def test_one_prompt_is_one_result(llm):
    assert len(llm.generate("One", GREEDY)) == 1
    assert len(llm.generate([70, 71], GREEDY)) == 1
    assert len(llm.generate(np.array([70, 71]).tolist(), GREEDY)) == 1
    assert llm.generate([], GREEDY) == []


def test_together_or_alone_the_text_is_the_same(llm):
    rng = np.random.default_rng(3)
    prompts = [rng.integers(0, 256, int(n)).tolist() for n in rng.integers(1, 90, 24)]
    params = [
        SamplingParams(
            temperature=0.0 if i % 3 == 0 else 1.3, top_p=0.9, seed=i, max_tokens=1 + i, repetition_penalty=1.0 + i % 2
        )
        for i in range(24)
    ]
    together = llm.generate(prompts, params)
    for prompt, one, result in zip(prompts, params, together, strict=True):
        alone = llm.generate([prompt], one)[0]
        assert alone.token_ids == result.token_ids


def test_stream_gives_what_generate_gives(llm):
    expected = llm.generate("One two three", GREEDY)[0]
    with llm.stream("One two three", GREEDY) as stream:
        deltas = list(stream)
        result = stream.result
    assert "".join(d.text for d in deltas) == expected.text == result.text
    assert [t for d in deltas for t in d.token_ids] == expected.token_ids
    assert deltas[-1].finish_reason is FinishReason.LENGTH


def test_streams_can_be_interleaved_and_left(llm):
    first = llm.stream("One", SamplingParams(temperature=0.0, max_tokens=30))
    second = llm.stream("Two", SamplingParams(temperature=0.0, max_tokens=30))
    next(first)
    next(second)
    first.close()
    rest = list(second)
    assert rest[-1].finish_reason is FinishReason.LENGTH
    assert [d.finish_reason for d in first] == [FinishReason.CANCELLED]
    with pytest.raises(InvalidRequest, match="not ended"):
        _ = llm.stream("Three", GREEDY).result
    llm._loop.check_idle()


def test_the_second_turn_of_a_chat_reuses_the_first(llm):
    messages = hello("Tell me something about paged caches and how long they live.")
    letters = {
        llm.prompts.tokenizer.token_id(c): 100.0 for c in "abcdefghij"
    }  # bytes that are no text cannot come back
    answer = llm.chat(messages, SamplingParams(temperature=1.0, seed=5, max_tokens=40, logit_bias=letters))
    follow = [*messages, {"role": "assistant", "content": answer.text}, *hello("And then?")]
    second = llm.chat(follow, GREEDY)
    new = len(second.prompt_token_ids) - len(answer.prompt_token_ids) - len(answer.token_ids)
    computed = second.usage.prompt_tokens - second.usage.cached_tokens
    assert computed <= new + 16 + 1  # its new tokens and one page (the last sampled token was never computed)


def test_n_samples_differ_and_are_reproducible(llm):
    params = SamplingParams(n=3, temperature=1.5, seed=11, max_tokens=10, ignore_eos=True)
    result = llm.generate("One", params)[0]
    assert len({tuple(s.token_ids) for s in result.samples}) == 3
    assert [s.token_ids for s in llm.generate("One", params)[0].samples] == [s.token_ids for s in result.samples]
    assert result.usage.output_tokens == 30


def test_without_a_seed_texts_differ(llm):
    params = SamplingParams(temperature=2.0, max_tokens=20)
    assert llm.generate("One", params)[0].token_ids != llm.generate("One", params)[0].token_ids


def test_logprobs_run_beside_the_tokens(llm):
    result = llm.generate("One", SamplingParams(temperature=0.0, max_tokens=6, logprobs=3, ignore_eos=True))[0]
    assert len(result.logprobs) == len(result.token_ids) == 6
    for token, item in zip(result.token_ids, result.logprobs, strict=True):
        assert item.top[0] == (token, item.logprob)  # greedy takes the likeliest
        assert item.logprob < 0
        assert [p for _, p in item.top] == sorted((p for _, p in item.top), reverse=True)


def test_stop_strings_end_the_text_before_them_and_count_what_is_kept(llm):
    full = llm.generate("One", SamplingParams(temperature=0.0, max_tokens=40, ignore_eos=True))[0]
    stop = full.text[6:9]
    at = full.text.index(stop)
    cut = llm.generate("One", SamplingParams(temperature=0.0, max_tokens=40, ignore_eos=True, stop=(stop,)))[0]
    assert cut.text == full.text[:at]
    assert cut.finish_reason is FinishReason.STOP
    assert cut.samples[0].stop == stop
    assert cut.token_ids == full.token_ids[: len(cut.token_ids)]
    assert cut.usage.output_tokens == len(cut.token_ids)
    kept = llm.generate(
        "One", SamplingParams(temperature=0.0, max_tokens=40, ignore_eos=True, stop=(stop,), include_stop=True)
    )[0]
    assert kept.text == full.text[: at + len(stop)]


def test_stop_token_ids_end_the_text(llm):
    full = llm.generate("One", SamplingParams(temperature=0.0, max_tokens=20, ignore_eos=True))[0]
    token = full.token_ids[7]
    first = full.token_ids.index(token)
    cut = llm.generate("One", SamplingParams(temperature=0.0, max_tokens=20, ignore_eos=True, stop_token_ids=(token,)))[
        0
    ]
    assert cut.token_ids == full.token_ids[: first + 1]
    assert cut.text == llm.prompts.tokenizer.decode(full.token_ids[:first])
    assert cut.samples[0].stop == token


def test_weights_can_be_replaced_while_loaded(make_tiny_model):
    first, second = make_tiny_model("first"), make_tiny_model("second", seed=1)
    with LLM(second) as other:
        wanted = other.generate("One", GREEDY)[0].token_ids
    with LLM(first) as llm:
        before = llm.generate("One", GREEDY)[0].token_ids
        from engines.weights import WeightStore

        store = WeightStore.open(second)
        tensors = {name: store.read(name).data for name in store.names}
        broken = dict(tensors, **{"model.norm.weight": np.ones(3, np.float32)})
        with pytest.raises(ModelUnusable, match=r"model\.norm\.weight"):
            llm.update_weights(broken)
        assert llm.generate("One", GREEDY)[0].token_ids == before
        assert llm.update_weights(tensors) == 1
        again = llm.generate("One", GREEDY)[0]
        assert again.token_ids == wanted != before
        assert again.usage.cached_tokens == 0
        store.close()


def test_bad_requests_raise_before_anything_runs(llm):
    with pytest.raises(NeverFits, match="256"):
        llm.generate([[1] * 300], GREEDY)
    with pytest.raises(InvalidRequest, match="empty"):
        llm.generate("", GREEDY)
    with pytest.raises(InvalidRequest, match="empty"):
        llm.generate([[]], GREEDY)
    with pytest.raises(InvalidRequest, match="token id 9999"):
        llm.generate([[9999]], GREEDY)
    with pytest.raises(InvalidRequest, match="2 prompts came with 1"):
        llm.generate(["a", "b"], [GREEDY])
    with pytest.raises(InvalidRequest, match=r"top_p is 1\.5"):
        llm.generate("a", SamplingParams(top_p=1.5))
    with pytest.raises(InvalidRequest, match="logit_bias holds 100000"):
        llm.generate("a", SamplingParams(logit_bias={100000: 1.0}))
    llm._loop.check_idle()


def test_generation_config_gives_the_defaults(make_tiny_model):
    folder = make_tiny_model()
    (folder / "generation_config.json").write_text(json.dumps({"do_sample": False}))
    with LLM(folder) as llm:
        greedy = llm.generate("One", SamplingParams(max_tokens=20))[0].token_ids
        assert greedy == llm.generate("One", SamplingParams(temperature=0.0, max_tokens=20))[0].token_ids
        assert greedy != llm.generate("One", SamplingParams(temperature=1.9, seed=2, max_tokens=20))[0].token_ids


def test_unknown_models_and_backends(home):
    with pytest.raises(NotFound, match="no model or folder 'nothing'"):
        LLM("nothing")
    with pytest.raises(InvalidRequest, match="backend"):
        LLM("demo", backend="abacus")


def test_the_cache_can_be_in_fp8(make_tiny_model, monkeypatch):
    folder, pages = make_tiny_model(), {}
    for choice in ("auto", "fp8"):
        monkeypatch.setenv("DESKSIDE_KV_CACHE", choice)
        with LLM(folder, kv_tokens=64) as llm:
            assert llm.generate("One two three", GREEDY)[0].usage.output_tokens > 0
            pages[llm.spec.kv.kv_dtype] = llm.spec.kv.bytes_per_page
    assert pages["fp32"] == 4 * pages["fp8"]
    with LLM(folder, kv_tokens=64, kv_cache="auto") as llm:  # an argument comes before the environment
        assert llm.spec.kv.kv_dtype == "fp32"


def test_a_closed_llm_says_so(make_tiny_model):
    llm = LLM(make_tiny_model())
    stream = llm.stream("One", GREEDY)
    next(stream)
    llm.close()
    llm.close()
    with pytest.raises(InvalidRequest, match="closed"):
        llm.generate("One", GREEDY)
    assert [d.finish_reason for d in stream][-1] is FinishReason.CANCELLED


def test_a_generation_config_that_no_sampler_can_take_is_named(make_tiny_model):
    for name, content in (("top_p", 7), ("temperature", "hot"), ("top_k", [1])):
        folder = make_tiny_model(name)
        (folder / "generation_config.json").write_text(json.dumps({name: content}))
        with pytest.raises(ModelUnusable, match=rf"generation_config\.json cannot be used: {name} is"):
            LLM(folder)


def test_silly_prompts_and_options_are_refused_in_words(llm, tiny_model):
    for prompt in (None, 5, b"bytes"):
        with pytest.raises(InvalidRequest, match=r"A prompt is a (NoneType|int|bytes)"):
            llm.stream(prompt, GREEDY)
    with pytest.raises(InvalidRequest, match="A prompt is a NoneType"):
        llm.generate([None], GREEDY)
    with pytest.raises(InvalidRequest, match="params is a dict"):
        llm.generate("One", {"temperature": 0.0})
    assert llm.generate([np.array([70, 71])], GREEDY)[0].prompt_token_ids == [70, 71]
    for option in ({"num_slots": 0}, {"kv_tokens": 0}, {"num_slots": 9, "max_tokens_per_step": 8}):
        with pytest.raises(InvalidRequest, match="must be at least"):
            LLM(tiny_model, **option)


def test_ctrl_c_in_the_middle_of_a_step_loses_nothing(llm):
    forward, calls = llm._loop.engine.forward, []

    def interrupted(plan):
        calls.append(plan)
        if len(calls) == 4:
            signal.raise_signal(signal.SIGINT)
        return forward(plan)

    expected = llm.generate("One", GREEDY)[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llm._loop.engine, "forward", interrupted)
        with llm.stream("One", GREEDY) as stream:
            deltas = []
            with pytest.raises(KeyboardInterrupt):
                deltas.extend(stream)
            assert len(calls) == 4  # the step was finished first
            deltas += list(stream)  # and the stream can go on
        assert [t for delta in deltas for t in delta.token_ids] == expected.token_ids
        calls.clear()
        with pytest.raises(KeyboardInterrupt):
            llm.generate(["One", "Two"], GREEDY)
    assert not llm._loop.busy  # what generate had begun was cancelled
    llm._loop.scheduler.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_step_that_fails_ends_what_is_open_and_frees_it(llm):
    forward = llm._loop.engine.forward

    def fails(plan):
        raise MemoryError

    other = llm.stream("Two", GREEDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llm._loop.engine, "forward", fails)
        with pytest.raises(DeviceUnusable, match="too little free memory"):
            llm.generate("One", GREEDY)
    assert llm._loop.engine.forward == forward
    with pytest.raises(DeviceUnusable, match="too little free memory"):
        list(other)
    assert not llm._loop.busy
    llm._loop.scheduler.check()
    assert len(llm.generate("One", GREEDY)) == 1


def test_a_stream_that_the_collector_finds_within_a_step_is_cancelled_by_the_next_call(llm):
    forward = llm._loop.engine.forward
    stream = llm.stream("Nobody reads this to its end.", SamplingParams(max_tokens=100, ignore_eos=True))
    next(stream)
    streams, running = [stream], []
    del stream

    def collects(plan):
        streams.clear()  # the last reference goes where the scheduler's lists are in use
        running.append(len(llm._loop.scheduler.running))
        return forward(plan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(llm._loop.engine, "forward", collects)
        llm.generate("One", GREEDY)
    assert running[:2] == [2, 1]
    assert not llm._loop.busy
    llm._loop.scheduler.check()


def test_several_threads_take_turns(llm):
    expected = {text: llm.generate(text, GREEDY)[0].token_ids for text in ("One", "Two", "Three")}
    got, errors = {}, []

    def work(text, streamed):
        try:
            for _ in range(3):
                if streamed:
                    got[text] = [t for delta in llm.stream(text, GREEDY) for t in delta.token_ids]
                else:
                    got[text] = llm.generate(text, GREEDY)[0].token_ids
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(text, text != "Two")) for text in expected]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert got == expected


def test_an_error_in_on_done_cancels_the_rest(llm):
    def fails(_index, _result):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        llm.generate(["One", "Two"], [GREEDY, SamplingParams(max_tokens=100, ignore_eos=True)], on_done=fails)
    assert not llm._loop.busy
    llm._loop.scheduler.check()
