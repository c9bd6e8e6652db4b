"""Cost lines of a request: tokens, compute time, retrieval, machines of one's own."""

from dataclasses import replace
from decimal import Decimal

from rung.economics.amounts import ONE, ZERO, Amount, Line, Product, Span, added
from rung.economics.quote import Quote
from rung.economics.spec import Also, CandidateSpec, Hosting, Tokens
from rung.errors import UserError
from rung.money import HOURS_PER_MONTH, MTOK, SECONDS_PER_HOUR, rate

PER_MTOK = ONE / MTOK


def inference(quote: Quote) -> list[Line]:
    """Tokens at token prices, and compute time at machine prices."""
    return [*_token_lines(quote), *_time_lines(quote)]


def also_asked(quote: Quote) -> list[Line]:
    """Further models of a cascade: a request to each, times the share in which one is made."""
    return [line for other in quote.spec.also for line in _of_other(quote, other)]


def _of_other(quote: Quote, other: Also) -> list[Line]:
    spec = CandidateSpec(
        key=f"{quote.spec.key}: {other.model}",
        technique=quote.spec.technique,
        measured=quote.spec.measured,
        **{name: getattr(other, name) for name in Also.model_fields if name != "share"},
    )
    asked = Quote(spec, quote.book)
    share = asked.mine("share of requests", other.share)
    assert share is not None
    return [
        replace(line, what=f"{line.what} ({other.model})", product=line.product.times(share))
        for line in (*inference(asked), *hosting(asked))
    ]


def _token_lines(quote: Quote) -> list[Line]:
    """Every token once: fresh, read from the prompt cache, or written to it."""
    tokens = quote.spec.tokens
    fresh, context = _uncached(tokens)
    counts = (
        ("input tokens", "inference", fresh, "input"),
        ("context tokens", "context", context, "input"),
        ("output tokens", "inference", tokens.output, "output"),
        ("cached input tokens", "inference", tokens.cache_read, "cache_read"),
        ("input tokens written to the cache", "inference", tokens.cache_write, "cache_write"),
    )
    lines = []
    for name, group, count, price in counts:
        rate, amount = _token_rate(quote, price), quote.mine(name, count)
        if rate is not None and amount is not None and amount.span.high > 0:
            lines.append(Line(name, group, "request", Product((amount, rate), (), PER_MTOK)))
    return lines


def _uncached(tokens: Tokens) -> tuple[Span, Span | None]:
    """Input and context without what the cache held or took: that is priced as such."""
    parts = [part for part in (tokens.cache_read, tokens.cache_write) if part is not None]
    if not any(part.high for part in parts):
        return tokens.input, tokens.context
    cached = added(parts)
    beyond = _less(cached, tokens.input)
    context = None if tokens.context is None else _less(tokens.context, beyond)
    return _less(tokens.input, cached), context


def _less(whole: Span, part: Span) -> Span:
    """What is left of a count, never below 0."""
    ends = (whole.low - part.high, whole.value - part.value, whole.high - part.low)
    low, value, high = (max(ZERO, end) for end in ends)
    return Span(value=value, low=low, high=high)


def _token_rate(quote: Quote, price: str) -> Amount | None:
    if quote.spec.prices is not None:
        stated = quote.spec.prices.output if price == "output" else quote.spec.prices.input
        name = "output price" if price == "output" else "input price"
        return Amount(
            key=f"{quote.spec.key}: {name}",
            span=stated,
            unit="USD per 1M tokens",
            source="stated in the scenario",
        )
    if quote.rates is None or not quote.rates.tokens:
        return None
    size = quote.spec.tokens.input.value
    size += quote.spec.tokens.context.value if quote.spec.tokens.context else ZERO
    tier = quote.rates.tier(size)
    listed: Decimal | None = getattr(tier, price)
    usd = tier.input if listed is None else listed
    name = f"{quote.rates.model} {price.replace('_', ' ')} price"
    if tier.over_input_tokens:
        name += f" over {tier.over_input_tokens:,} tokens"
    return quote.priced(name, usd, "USD per 1M tokens", quote.rates.source)


def _time_lines(quote: Quote) -> list[Line]:
    rates = quote.rates
    if rates is None or rates.tokens or quote.spec.hosting is not None:
        return []
    lines = []
    timed = (
        ("compute seconds", quote.spec.seconds, rates.machine_usd_per_hour, rates.source),
        ("GPU seconds", quote.spec.gpu_seconds, rates.gpu_usd_per_hour, rates.gpu_source),
    )
    for name, seconds, hourly, source in timed:
        amount = quote.mine(name, seconds, "s")
        if amount is None or amount.span.high == 0 or hourly is None or source is None:
            continue
        hour = _hour_name(hourly, gpu=name == "GPU seconds")
        rate = quote.priced(hour, hourly, "USD per hour", source)
        product = Product((amount, rate), (), ONE / SECONDS_PER_HOUR)
        lines.append(Line(name, "inference", "request", product))
    return lines


def _hour_name(usd: Decimal, *, gpu: bool) -> str:
    return f"{'GPU' if gpu else 'machine'} at {rate(usd)}"


def retrieval(quote: Quote) -> list[Line]:
    """Embedding of queries and corpus, the store, reranking."""
    parts = quote.spec.retrieval
    lines = []
    rate = _embedding_rate(quote)
    for name, count, basis in (
        ("query tokens embedded", parts.query_tokens, "request"),
        ("corpus tokens embedded", parts.corpus_tokens, "once"),
    ):
        amount = quote.mine(name, count)
        if rate is not None and amount is not None:
            product = Product((amount, rate), (), PER_MTOK)
            lines.append(Line(name, "embedding", basis, product))  # type: ignore[arg-type]
    corpus = quote.mine("corpus tokens embedded", parts.corpus_tokens)
    changed = quote.mine("share of the corpus changed a month", parts.changed_per_month)
    if rate is not None and corpus is not None and changed is not None:
        product = Product((corpus, changed, rate), (), PER_MTOK)
        lines.append(Line("index updates", "embedding", "month", product))
    return [*lines, *_store(quote), *_rerank(quote), *_tools(quote)]


def _store(quote: Quote) -> list[Line]:
    parts = quote.spec.retrieval
    if parts.store is None and parts.store_usd_per_month is None:
        return []
    row = quote.row("stores", parts.store) if parts.store is not None else None
    own = quote.settings.store_usd_per_month
    price = quote.price("vector store", "USD per month", own, parts.store_usd_per_month, row)
    product = Product((price,) if price else ())
    return [Line("vector store", "store", "month", product)]


def _rerank(quote: Quote) -> list[Line]:
    parts = quote.spec.retrieval
    if parts.rerank is None and parts.rerank_usd_per_1k is None:
        return []
    row = quote.row("rerank", parts.rerank) if parts.rerank is not None else None
    own = quote.settings.rerank_usd_per_1k
    price = quote.price("rerank price", "USD per 1,000 searches", own, parts.rerank_usd_per_1k, row)
    product = Product((price,) if price else (), (), ONE / 1000)
    return [Line("reranking", "retrieval", "request", product)]


def _tools(quote: Quote) -> list[Line]:
    stated = quote.spec.retrieval.tools_usd_per_1k
    price = quote.price("tools", "USD per 1,000 requests", None, stated, None)
    if price is None:
        return []
    return [Line("tools asked", "retrieval", "request", Product((price,), (), ONE / 1000))]


def _embedding_rate(quote: Quote) -> Amount | None:
    parts = quote.spec.retrieval
    if (
        parts.embedding_usd_per_mtok is not None
        or quote.settings.embedding_usd_per_mtok is not None
    ):
        own = quote.settings.embedding_usd_per_mtok
        stated = parts.embedding_usd_per_mtok
        return quote.price("embedding price", "USD per 1M tokens", own, stated, None)
    if parts.embedding is None:
        return None
    rates = quote.book.of_model(parts.embedding)
    if not rates.tokens:
        return None
    name = f"{parts.embedding} price"
    source = rates.source
    return quote.priced(name, rates.tokens[0].input, "USD per 1M tokens", source)


def hosting(quote: Quote) -> list[Line]:
    """Machine hours of the load, with replicas that are always on as the floor."""
    own = quote.spec.hosting
    if own is None:
        return []
    if own.tokens_per_second is None and not quote.spec.measured and own.names_its_hour:
        raise UserError(f"{quote.spec.key}: hosting needs tokens_per_second.")
    hourly = machine_hour(quote, own)
    load = _load(quote, own, hourly)
    if own.adapter == "unmerged":
        slowdown = quote.mine("slowdown of the adapter apart", own.unmerged_slowdown)
        if slowdown is None:
            raise UserError(
                f"{quote.spec.key}: an unmerged adapter needs unmerged_slowdown; measure a "
                "request with the adapter apart over one with it merged."
            )
        load = load.times(slowdown)
    shared = own.shared_by if own.adapter == "unmerged" else ONE
    floor = Product((hourly,), (), HOURS_PER_MONTH * own.min_replicas / shared)
    return [Line("machines", "hosting", "request", load, floor)]


def _load(quote: Quote, own: Hosting, hourly: Amount) -> Product:
    """Machine hours that a request takes, in USD."""
    busy = quote.mine("utilisation", own.utilisation)
    if own.tokens_per_second is not None:
        over: list[Amount] = _request_tokens(quote)
        under = [quote.mine("tokens per second", own.tokens_per_second), busy]
    else:
        seconds = quote.spec.gpu_seconds if _on_gpu(quote) else quote.spec.seconds
        measured = quote.mine("seconds of the machine", seconds)
        if measured is None or not measured.span.high:
            return Product((), (), ZERO)  # Not measured from here: the machine is all that is paid.
        over, under = [measured], [busy]
    if any(amount is not None and amount.span.low <= 0 for amount in under):
        raise UserError(f"{quote.spec.key}: tokens per second and utilisation must be above 0.")
    divisors = tuple(x for x in under if x is not None and x.span != Span(ONE, ONE, ONE))
    return Product((hourly, *over), divisors, ONE / SECONDS_PER_HOUR)


def _on_gpu(quote: Quote) -> bool:
    seconds, rates = quote.spec.gpu_seconds, quote.rates
    return bool(seconds and seconds.high) or (rates is not None and rates.on_gpu)


def machine_hour(quote: Quote, hosting: Hosting) -> Amount:
    """The price of one machine hour."""
    if not hosting.names_its_hour:
        rates, gpu = quote.rates, _on_gpu(quote)
        usd = source = None
        if rates is not None:
            usd = rates.gpu_usd_per_hour if gpu else rates.machine_usd_per_hour
            source = rates.gpu_source if gpu else rates.source
        if usd is None or source is None:
            raise UserError(f"{quote.spec.key}: hosting needs usd_per_hour, gpu or machine.")
        return quote.priced(_hour_name(usd, gpu=gpu), usd, "USD per hour", source)
    stated = quote.mine("machine hour", hosting.usd_per_hour, "USD per hour")
    machine = None if hosting.gpu is not None else hosting.machine
    return stated or quote.hour(gpu=hosting.gpu, machine=machine)


def _request_tokens(quote: Quote) -> list[Amount]:
    tokens = quote.spec.tokens
    parts = [tokens.input, tokens.output, *([tokens.context] if tokens.context else [])]
    amount = quote.mine("tokens per request", added(parts))
    return [amount] if amount is not None else []
