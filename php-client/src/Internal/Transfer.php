<?php

declare(strict_types=1);

namespace Hawser\Internal;

use Hawser\Exception\HawserException;
use Hawser\Internal\Body\BodySource;
use Hawser\Internal\Wire\FrameSink;
use Throwable;

/**
 * One exchange while it runs: what has come of the response so far, and what a path must know to go on. A path (broker
 * or direct) writes it, the caller's handle reads it. Fields and no methods: it is touched on every frame.
 *
 * ```
 *   begun ──► head (status > 0) ──► ended, error null
 *     └────────────┴─────────────► ended, error set
 * ```
 *
 * @internal
 *
 * @phpstan-import-type FactList from FrameSink
 */
final class Transfer
{
    /** Status of the final response; 0 until its head is here. */
    public int $status = 0;

    /** @var list<string> */
    public array $fields = [];

    /** Body octets that have come and that nobody has taken yet. */
    public string $body = '';

    /** @var list<string> */
    public array $trailers = [];

    /** @var FactList|null */
    public ?array $facts = null;

    /** It goes to the origin without the broker. */
    public bool $isDirect = false;

    public bool $isEnded = false;

    /** Why it ended, where it ended badly. Not always a HawserException: a body generator may throw anything. */
    public HawserException|Throwable|null $error = null;

    /** Who drives it now. Set when it is sent. */
    public ?Path $path = null;

    /** Exchange id on its connection; 0 while it waits to be sent. */
    public int $id = 0;

    /** How many connections it has been sent on. */
    public int $sends = 0;

    /** Where its REQUEST ends among all octets of its connection: past what was written means the broker has not seen it. */
    public int $requestEnd = PHP_INT_MAX;

    /** What is left of the request body; null when it is sent. */
    public ?BodySource $upload = null;

    /** The body source is running the caller's code, which may come back here. */
    public bool $isPulling = false;

    /** Request body octets the broker takes next. */
    public int $sendWindow = 0;

    /** Response body octets taken since the last WINDOW. */
    public int $ungrantedBytes = 0;

    /** Something of the response is in the caller's hands, so it cannot begin anew. */
    public bool $isDelivered = false;

    /**
     * @param int $deadlineNs on the clock of hrtime(); 0: none
     * @param int $limitNs    when it is ended here at the latest, so that the broker's own error can come first; 0: never
     * @param int $timeoutMs  the whole time it was given, for messages; 0: none
     */
    public function __construct(
        public readonly Request $request,
        public readonly Recovery $owner,
        public readonly int $deadlineNs,
        public readonly int $limitNs,
        public readonly int $timeoutMs,
    ) {}

    /** Forgets what came of the response, to be sent once more. */
    public function restart(): void
    {
        $this->status = 0;
        $this->fields = [];
        $this->body = '';
        $this->id = 0;
        $this->requestEnd = PHP_INT_MAX;
        $this->upload = null;
        $this->sendWindow = 0;
        $this->ungrantedBytes = 0;
    }

    public function fail(Throwable $error): void
    {
        if (!$this->isEnded) {
            $this->isEnded = true;
            $this->error = $error;
            $this->upload = null;
        }
    }
}
