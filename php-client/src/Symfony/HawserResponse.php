<?php

declare(strict_types=1);

namespace Hawser\Symfony;

use Hawser\Symfony\Internal\Conversation;
use Hawser\Symfony\Internal\Multiplexer;
use Symfony\Component\HttpClient\Exception\ClientException;
use Symfony\Component\HttpClient\Exception\JsonException;
use Symfony\Component\HttpClient\Exception\RedirectionException;
use Symfony\Component\HttpClient\Exception\ServerException;
use Symfony\Component\HttpClient\Exception\TransportException;
use Symfony\Component\HttpClient\Response\StreamableInterface;
use Symfony\Component\HttpClient\Response\StreamWrapper;
use Symfony\Contracts\HttpClient\ResponseInterface;

/**
 * A response of `HawserHttpClient`: lazy, as the contract wants it. Its methods wait, except `getInfo` and `cancel`.
 *
 * Dropping it before anyone asked for its status waits for the head and throws where the status is 300 or above;
 * dropping it later gives up what has not been read, at the origin too.
 */
final class HawserResponse implements ResponseInterface, StreamableInterface
{
    /** Somebody has asked for status, headers or content, so nobody need be told of a 4xx in another way. */
    private bool $isSeen = false;

    /** @var array<array-key, mixed>|null */
    private ?array $decoded = null;

    /**
     * @internal made by HawserHttpClient
     */
    public function __construct(private readonly HawserHttpClient $client, public readonly Conversation $conversation) {}

    public function __destruct()
    {
        $this->conversation->content->keepAll();
        if (!$this->isSeen && $this->conversation->failure() === null && !$this->conversation->hasTimedOut()) {
            $this->initialize();
            $this->checkStatus();
        }
    }

    public function __clone()
    {
        throw new \BadMethodCallException('A response cannot be cloned.');
    }

    /**
     * @return array<string, mixed>
     */
    public function __serialize(): array
    {
        throw new \BadMethodCallException('A response cannot be serialized.');
    }

    /**
     * @param array<string, mixed> $data
     */
    public function __unserialize(array $data): void
    {
        throw new \BadMethodCallException('A response cannot be unserialized.');
    }

    public function getStatusCode(): int
    {
        $this->initialize();

        return $this->conversation->status();
    }

    /**
     * @return array<string, list<string>>
     */
    public function getHeaders(bool $throw = true): array
    {
        $this->initialize();
        if ($throw) {
            $this->checkStatus();
        }

        return $this->conversation->headers();
    }

    public function getContent(bool $throw = true): string
    {
        $this->initialize();
        if ($throw) {
            $this->checkStatus();
        }
        $wasCanceled = $this->conversation->isCanceled();
        $content = null;
        $isLast = false;
        foreach (Multiplexer::stream([$this], null) as $chunk) {
            $isLast = $chunk->isLast();
            if (!$isLast && $this->conversation->content->buffer() === null) {
                $content .= $chunk->getContent();
            }
        }
        if (!$isLast && !$wasCanceled && $this->conversation->isCanceled()) {
            throw $this->conversation->failure() ?? new TransportException('The response was canceled.');
        }
        if ($content !== null) {
            return $content;
        }
        $buffer = $this->conversation->content->buffer() ?? throw new TransportException('The content was read already, and the option "buffer" says not to keep it.');
        rewind($buffer);

        return (string) stream_get_contents($buffer);
    }

    /**
     * @return array<array-key, mixed>
     */
    public function toArray(bool $throw = true): array
    {
        $content = $this->getContent($throw);
        if ($content === '') {
            throw new JsonException('Response body is empty.');
        }
        if ($this->decoded !== null) {
            return $this->decoded;
        }
        $url = $this->conversation->url();
        try {
            $decoded = json_decode($content, true, 512, \JSON_BIGINT_AS_STRING | \JSON_THROW_ON_ERROR);
        } catch (\JsonException $e) {
            throw new JsonException("{$e->getMessage()} for \"{$url}\".", $e->getCode());
        }
        if (!\is_array($decoded)) {
            throw new JsonException(\sprintf('The body of "%s" holds JSON of type %s, and an array was asked for.', $url, get_debug_type($decoded)));
        }
        if ($this->conversation->content->buffer() !== null) {
            $this->decoded = $decoded;
        }

        return $decoded;
    }

    public function cancel(): void
    {
        $this->conversation->cancel();
    }

    public function getInfo(?string $type = null): mixed
    {
        $info = $this->conversation->info();

        return $type === null ? $info : $info[$type] ?? null;
    }

    /**
     * @return resource
     */
    public function toStream(bool $throw = true)
    {
        if ($throw) {
            $this->getHeaders();
        }
        $stream = StreamWrapper::createResource($this, $this->client);
        $wrapper = stream_get_meta_data($stream)['wrapper_data'] ?? null;
        if ($wrapper instanceof StreamWrapper) {
            $this->conversation->content->bind($wrapper);
        }

        return $stream;
    }

    /**
     * @internal
     */
    public function checkUnseenStatus(): void
    {
        if (!$this->isSeen && $this->conversation->failure() === null) {
            $this->getHeaders();
        }
    }

    /** Waits for the head. What goes wrong, a time-out included, is for good. */
    private function initialize(): void
    {
        if ($this->isSeen) {
            return;
        }
        $failure = $this->conversation->failure();
        if ($failure !== null) {
            throw $failure;
        }
        try {
            foreach ($this->conversation->isHeadGiven() ? [] : Multiplexer::stream([$this], -0.0) as $chunk) {
                if ($chunk->isFirst()) {
                    break;
                }
            }
        } catch (\Throwable $e) {
            $this->conversation->fail($e);

            throw $e;
        }
        if (!$this->conversation->isHeadGiven()) {
            throw $this->conversation->failure() ?? new TransportException('The response ended before its head came.');
        }
        $this->isSeen = true;
    }

    private function checkStatus(): void
    {
        $status = $this->conversation->status();
        if ($status >= 300) {
            throw match (true) {
                $status >= 500 => new ServerException($this),
                $status >= 400 => new ClientException($this),
                default => new RedirectionException($this),
            };
        }
    }
}
