<?php

declare(strict_types=1);

namespace Hawser;

use Hawser\Exception\ExchangeException;
use Hawser\Exception\HawserException;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\Body\PsrBody;
use Hawser\Internal\Dispatcher;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestInterface;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\StreamFactoryInterface;

/**
 * PSR-18 on top of `Client`. A 4xx or 5xx is a response; redirects are not followed; the response body is whole when
 * `sendRequest` returns.
 */
final class Psr18Client implements ClientInterface
{
    private readonly Dispatcher $dispatcher;

    private readonly ResponseFactoryInterface $responses;

    private readonly StreamFactoryInterface $streams;

    /**
     * @param Client|null                   $client    null: a new one, with the defaults and the environment
     * @param ResponseFactoryInterface|null $responses null: that of nyholm/psr7 or guzzlehttp/psr7, whichever is installed
     * @param StreamFactoryInterface|null   $streams   null: likewise
     * @param ClientInterface|null          $bypass    takes the requests that `ClientOptions` leave out; null: they go to
     *                                                 their origin by curl
     *
     * @throws InvalidArgumentException where a factory is neither given nor installed
     */
    public function __construct(?Client $client = null, ?ResponseFactoryInterface $responses = null, ?StreamFactoryInterface $streams = null, private readonly ?ClientInterface $bypass = null)
    {
        $this->dispatcher = ($client ?? new Client())->dispatcher();
        $installed = $responses === null || $streams === null ? self::installed() : null;
        $this->responses = $responses ?? ($installed instanceof ResponseFactoryInterface ? $installed : throw self::missing('ResponseFactoryInterface'));
        $this->streams = $streams ?? ($installed instanceof StreamFactoryInterface ? $installed : throw self::missing('StreamFactoryInterface'));
    }

    /**
     * @throws HawserException a ClientExceptionInterface; also a NetworkExceptionInterface or RequestExceptionInterface where PSR-18 says so
     */
    public function sendRequest(RequestInterface $request): ResponseInterface
    {
        $url = (string) $request->getUri();
        $isTaken = $this->dispatcher->takes($url);
        if (!$isTaken && $this->bypass !== null) {
            return $this->bypass->sendRequest($request);
        }
        $fragment = strpos($url, '#');
        $options = ['headers' => $request->getHeaders()];
        $body = PsrBody::of($request->getBody());
        if ($body !== null) {
            $options['body'] = $body;
        }
        try {
            // A fragment is for the client side only (RFC 9110 section 7.1).
            $transfer = $this->dispatcher->begin($this->dispatcher->request($request->getMethod(), $fragment === false ? $url : substr($url, 0, $fragment), $options), $isTaken);
            $this->dispatcher->await($transfer);
            $response = $this->dispatcher->deliver($transfer);
        } catch (ExchangeException $e) {
            $e->attachRequest($request);

            throw $e;
        }
        $message = $this->responses->createResponse($response->status());
        $facts = $response->facts();
        if ($facts !== null && $facts->protocol !== '') {
            $message = $message->withProtocolVersion($facts->protocol === 'h2' ? '2' : '1.1');
        }
        foreach ($response->headers()->byName() as $name => $values) {
            $message = $message->withHeader($name, $values);
        }
        $content = $response->body();

        return $content === '' ? $message : $message->withBody($this->streams->createStream($content));
    }

    private static function installed(): ?object
    {
        foreach (['Nyholm\Psr7\Factory\Psr17Factory', 'GuzzleHttp\Psr7\HttpFactory'] as $class) {
            if (class_exists($class)) {
                return new $class();
            }
        }

        return null;
    }

    private static function missing(string $interface): InvalidArgumentException
    {
        return new InvalidArgumentException("Psr18Client: no {$interface} was given, and neither nyholm/psr7 nor guzzlehttp/psr7 is installed to make one.");
    }
}
