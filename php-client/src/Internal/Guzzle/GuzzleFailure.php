<?php

declare(strict_types=1);

namespace Hawser\Internal\Guzzle;

use GuzzleHttp\Exception\ConnectException as GuzzleConnectException;
use GuzzleHttp\Exception\RequestException as GuzzleRequestException;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\RequestException;
use Hawser\Exception\TimeoutException;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseInterface;
use Throwable;

/**
 * Puts what went wrong on Guzzle's own types, with our exception as the previous one. As with Guzzle's curl handler a
 * `ConnectException` says that the request was not processed, or that time ran out.
 *
 * Guzzle 8 has more types, and other constructors, than 7.
 *
 * @internal
 */
final class GuzzleFailure
{
    private const NETWORK = 'GuzzleHttp\Exception\NetworkException';

    public static function of(Throwable $error, RequestInterface $request, ?ResponseInterface $response): Throwable
    {
        if ($error instanceof ExchangeException) {
            $error->attachRequest($request);
        }
        if (class_exists(self::NETWORK)) {
            return self::of8($error, $request, $response);
        }
        $context = $error instanceof ExchangeException ? ['error' => $error->errorName(), 'errno' => $error->errorNumber(), 'facts' => $error->facts()] : [];
        $isConnect = $error instanceof TimeoutException
            || $error instanceof ExchangeException && !$error instanceof RequestException && $error->processed() === 'no';

        return $isConnect
            ? new GuzzleConnectException($error->getMessage(), $request, $error, $context)
            : new GuzzleRequestException($error->getMessage(), $request, $response, $error, $context);
    }

    /** A callback of the caller's threw, or the response cannot be put into a PSR-7 message. */
    public static function within(string $event, Throwable $error, RequestInterface $request, ?ResponseInterface $response): Throwable
    {
        $message = "An error was encountered {$event}";
        if (!class_exists(self::NETWORK)) {
            return new GuzzleRequestException($message, $request, $response, $error);
        }

        return $response === null
            ? self::make('RequestException', $message, $request, 0, $error)
            : self::make('ResponseException', $message, $request, $response, $error);
    }

    private static function of8(Throwable $error, RequestInterface $request, ?ResponseInterface $response): Throwable
    {
        $isTimeout = $error instanceof TimeoutException;
        $message = $error->getMessage();
        if ($response !== null) {
            return self::make($isTimeout ? 'ResponseTimeoutException' : 'ResponseTransferException', $message, $request, $response, $error);
        }
        if (!$error instanceof ExchangeException || $error instanceof RequestException) {
            return self::make('RequestException', $message, $request, 0, $error);
        }

        return match (true) {
            $error->errorName() === 'connect_timeout' => self::make('ConnectTimeoutException', $message, $request, $error),
            $isTimeout => self::make('NetworkTimeoutException', $message, $request, $error),
            $error->processed() === 'no' => self::make('ConnectException', $message, $request, $error),
            default => self::make('NetworkException', $message, $request, $error),
        };
    }

    private static function make(string $name, mixed ...$arguments): Throwable
    {
        $class = "GuzzleHttp\\Exception\\{$name}";
        $failure = new $class(...$arguments);

        return $failure instanceof Throwable ? $failure : throw new \LogicException("{$class} is no exception.");
    }
}
