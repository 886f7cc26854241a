<?php

declare(strict_types=1);

namespace Hawser\Internal\Direct;

use CurlHandle;
use Hawser\Fields;
use Hawser\Internal\Transfer;
use Throwable;

/**
 * One exchange on a curl handle: what the handle's callbacks write, and what they need for it.
 *
 * @internal
 */
final class DirectTransfer
{
    /** What a read callback returns to end the exchange; PHP has no constant for CURL_READFUNC_ABORT. */
    private const ABORT = 0x10000000;

    /** Thrown by the caller's code within a callback, where it cannot pass through curl. */
    public ?Throwable $error = null;

    public bool $isPaused = false;

    private int $status = 0;

    /** @var list<string> of the head that is coming in */
    private array $fields = [];

    /**
     * @param int $windowBytes a streamed body is paused when so much of it is unread
     */
    public function __construct(
        public readonly Transfer $transfer,
        public readonly CurlHandle $handle,
        private readonly int $windowBytes,
    ) {}

    /** CURLOPT_HEADERFUNCTION: one line of a head, or of the trailers after the body. */
    public function onHeaderLine(CurlHandle $handle, string $line): int
    {
        $text = rtrim($line, "\r\n");
        if (preg_match('~^HTTP/[0-9.]+ (\d{3})~', $text, $match) === 1) {
            $this->status = (int) $match[1];
            $this->fields = [];
        } elseif ($text === '') {
            return $this->onHeadEnd() ? \strlen($line) : -1;
        } else {
            [$name, $value] = explode(':', $text, 2) + [1 => ''];
            $field = [strtolower(trim($name)), trim($value, " \t")];
            if ($this->transfer->status !== 0) {
                array_push($this->transfer->trailers, ...$field);
            } else {
                array_push($this->fields, ...$field);
            }
        }

        return \strlen($line);
    }

    /** CURLOPT_WRITEFUNCTION */
    public function onBody(CurlHandle $handle, string $octets): int
    {
        if ($this->transfer->request->isStreamed && \strlen($this->transfer->body) >= $this->windowBytes) {
            $this->isPaused = true;

            return \CURL_WRITEFUNC_PAUSE;
        }
        $this->transfer->body .= $octets;

        return \strlen($octets);
    }

    /**
     * CURLOPT_READFUNCTION
     *
     * @param resource|null $file
     */
    public function onRead(CurlHandle $handle, mixed $file, int $maxBytes): string|int
    {
        try {
            return $this->transfer->upload?->take(max(1, $maxBytes)) ?? '';
        } catch (Throwable $e) {
            $this->error = $e;

            return self::ABORT;
        }
    }

    private function onHeadEnd(): bool
    {
        if ($this->transfer->status !== 0) {
            return true; // the end of the trailers
        }
        if ($this->status >= 200) {
            $this->transfer->status = $this->status;
            $this->transfer->fields = $this->fields;
        } elseif ($this->transfer->request->onInformational !== null && $this->status !== 101) {
            try {
                ($this->transfer->request->onInformational)($this->status, new Fields($this->fields));
            } catch (Throwable $e) {
                $this->error = $e;

                return false;
            }
        }

        return true;
    }
}
