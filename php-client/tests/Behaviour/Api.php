<?php

declare(strict_types=1);

namespace Hawser\Tests\Behaviour;

use Hawser\ClientOptions;
use Hawser\Exception\HawserException;
use Throwable;

/**
 * One of the APIs that applications use, brought to what the behaviour tests need. What an API throws comes out as it
 * is; redirects are not followed, bodies are not decoded, and no status is an exception.
 */
abstract class Api
{
    public function __construct(protected readonly ClientOptions $options) {}

    /**
     * @param array<array-key, string|list<string>>  $fields
     * @param string|iterable<string>             $body
     */
    abstract public function send(string $method, string $url, array $fields = [], string|iterable $body = ''): Answer;

    /**
     * Sends GET to all of them, at once if the API can.
     *
     * @param list<string> $urls
     *
     * @return list<Answer>
     */
    abstract public function sendAll(array $urls): array;

    /**
     * The body while it comes; null where this API has none such.
     */
    public function stream(string $url): ?BodyReader
    {
        return null;
    }

    /**
     * As `send` with GET, with redirects followed; null where this API leaves that to its caller.
     */
    public function follow(string $url): ?Answer
    {
        return null;
    }

    /**
     * As `send` with GET, with the body decoded; null where this API leaves that to its caller.
     */
    public function decode(string $url): ?Answer
    {
        return null;
    }

    /**
     * The fields of each informational response; null where this API does not tell.
     *
     * @return list<array{int, list<string>}>|null status, and the values of `x-hint`
     */
    public function hints(string $url): ?array
    {
        return null;
    }

    /** Whether `sendAll` sends at once. */
    abstract public function isConcurrent(): bool;

    /**
     * The type that this API promises for a failure on the way.
     *
     * @return class-string<Throwable>
     */
    abstract public function failureType(): string;

    /** Our own exception, which the API's type carries or is. */
    public static function cause(Throwable $failure): ?HawserException
    {
        for ($e = $failure; $e !== null; $e = $e->getPrevious()) {
            if ($e instanceof HawserException) {
                return $e;
            }
        }

        return null;
    }
}
