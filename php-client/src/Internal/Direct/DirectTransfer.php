<?php

declare(strict_types=1);

namespace Hawser\Internal\Direct;

use CurlHandle;
use Hawser\Fields;
use Hawser\Internal\Transfer;

/**
 * One exchange on a curl handle: what the handle's callbacks write, and what they need for it.
 *
 * The caller's code never runs within a callback: it might use the client, and curl cannot be entered twice. So a body
 * source is read (`work`), and informational responses are told (`tell`), between two turns of curl.
 *
 * @internal
 */
final class DirectTransfer
{
    /** What is read ahead of a request body. */
    private const UPLOAD_BYTES = 64 * 1024;

    /** Something of the response came since this was last set to false. */
    public bool $hasNews = false;

    /** curl waits until a streamed response has been read further. */
    private bool $isFull = false;

    /** curl waits for more of the request body. */
    private bool $isHungry = false;

    /** What was read of the request body and not sent; null at its end. */
    private ?string $upload = '';

    private int $status = 0;

    /** @var list<string> of the head that is coming in */
    private array $fields = [];

    /** @var list<array{int, Fields}> responses of status 1xx that were not told yet */
    private array $informational = [];

    /**
     * @param int  $windowBytes    a streamed body is paused when so much of it is unread
     * @param bool $isConnectBound the time to connect is shorter than that for the whole exchange
     */
    public function __construct(
        public readonly Transfer $transfer,
        public readonly CurlHandle $handle,
        private readonly int $windowBytes,
        public readonly bool $isConnectBound,
    ) {}

    /**
     * Tells the caller of informational responses. Runs its code, and throws what that throws.
     */
    public function tell(): void
    {
        while ($this->informational !== []) {
            [$status, $fields] = array_shift($this->informational);
            if ($this->transfer->request->onInformational !== null) {
                ($this->transfer->request->onInformational)($status, $fields);
            }
        }
    }

    /**
     * Does what curl waits for, and returns whether there was anything. Runs the caller's code, and throws what that
     * throws.
     */
    public function work(): bool
    {
        $isHungry = $this->isHungry && !$this->transfer->isPulling;
        $isFull = $this->isFull && \strlen($this->transfer->body) >= $this->windowBytes;
        if (!$isHungry && $isFull === $this->isFull) {
            return false;
        }
        if ($isHungry) {
            $this->transfer->isPulling = true;
            try {
                $octets = $this->transfer->upload?->take(self::UPLOAD_BYTES) ?? '';
            } finally {
                $this->transfer->isPulling = false;
            }
            $this->upload = $octets === '' ? null : $octets;
            $this->isHungry = false;
        }
        if (!$this->transfer->isEnded) {
            $this->isFull = $isFull;
            curl_pause($this->handle, $isFull ? \CURLPAUSE_RECV : \CURLPAUSE_CONT);
        }

        return true;
    }

    /** CURLOPT_HEADERFUNCTION: one line of a head, or of the trailers after the body. */
    public function onHeaderLine(CurlHandle $handle, string $line): int
    {
        $text = rtrim($line, "\r\n");
        if (preg_match('~^HTTP/[0-9.]+ (\d{3})~', $text, $match) === 1) {
            $this->status = (int) $match[1];
            $this->fields = [];
        } elseif ($text === '') {
            $this->onHeadEnd();
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
            $this->isFull = true;

            return \CURL_WRITEFUNC_PAUSE;
        }
        $this->transfer->body .= $octets;
        $this->hasNews = true;

        return \strlen($octets);
    }

    /**
     * CURLOPT_READFUNCTION
     *
     * @param resource|null $file
     */
    public function onRead(CurlHandle $handle, mixed $file, int $maxBytes): string|int
    {
        if ($this->upload === '') {
            $this->isHungry = true;

            return \CURL_READFUNC_PAUSE;
        }
        $octets = substr($this->upload ?? '', 0, $maxBytes);
        $this->upload = $this->upload === null ? null : substr($this->upload, $maxBytes);

        return $octets;
    }

    private function onHeadEnd(): void
    {
        if ($this->transfer->status !== 0) {
            return; // the end of the trailers
        }
        if ($this->status >= 200) {
            $this->transfer->status = $this->status;
            $this->transfer->fields = $this->fields;
            $this->transfer->facts = DirectPath::facts($this->handle);
            $this->hasNews = true;
        } elseif ($this->status !== 101) {
            $this->informational[] = [$this->status, new Fields($this->fields)];
        }
    }
}
