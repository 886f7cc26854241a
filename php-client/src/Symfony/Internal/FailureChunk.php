<?php

declare(strict_types=1);

namespace Hawser\Symfony\Internal;

use Hawser\Exception\ErrorCode;
use Hawser\Exception\TimeoutException as HawserTimeout;
use Symfony\Component\HttpClient\Chunk\ErrorChunk;
use Symfony\Component\HttpClient\Exception\TimeoutException;
use Symfony\Component\HttpClient\Exception\TransportException;

/**
 * The end of a response that failed. Whoever asks it anything gets the failure as one of Symfony's exceptions, with what
 * caused it as the previous one. An `ErrorChunk`, because Symfony's decorators look for that class.
 *
 * @internal
 */
final class FailureChunk extends ErrorChunk
{
    public function __construct(int $offset, private readonly TransportException $failure)
    {
        parent::__construct($offset, $failure);
    }

    /**
     * An origin that was silent for too long is what Symfony calls a time-out; a request out of its time altogether is not.
     */
    public static function exception(\Throwable $e, string $url): TransportException
    {
        return match (true) {
            $e instanceof TransportException => $e,
            $e instanceof HawserTimeout && $e->errorNumber() !== ErrorCode::DeadlineExceeded->value => new TimeoutException($e->getMessage(), 0, $e),
            $e instanceof HawserTimeout => new TransportException("Max duration was reached for \"{$url}\": {$e->getMessage()}", 0, $e),
            default => new TransportException($e->getMessage(), 0, $e),
        };
    }

    public function isTimeout(): bool
    {
        return $this->throw();
    }

    public function isFirst(): bool
    {
        return $this->throw();
    }

    public function isLast(): bool
    {
        return $this->throw();
    }

    /**
     * @return array{int, array<string, list<string>>}|null
     */
    public function getInformationalStatus(): ?array
    {
        return $this->throw();
    }

    public function getContent(): string
    {
        return $this->throw();
    }

    private function throw(): never
    {
        $this->didThrow(true);

        throw $this->failure;
    }
}
