<?php

declare(strict_types=1);

namespace Hawser;

use GuzzleHttp\Psr7\HttpFactory as GuzzleFactory;
use GuzzleHttp\Psr7\Response as GuzzleResponse;
use Hawser\Exception\ExchangeException;
use Hawser\Exception\HawserException;
use Hawser\Exception\InvalidArgumentException;
use Hawser\Internal\Body\PsrBody;
use Hawser\Internal\Body\StringStream;
use Hawser\Internal\Dispatcher;
use Hawser\Internal\Request;
use Nyholm\Psr7\Factory\Psr17Factory as NyholmFactory;
use Nyholm\Psr7\Response as NyholmResponse;
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

    /** @var class-string<NyholmResponse|GuzzleResponse>|null what both factories make; null: of another library */
    private readonly ?string $messageClass;

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
        $this->responses = $responses ?? $installed ?? throw self::missing('ResponseFactoryInterface');
        $this->streams = $streams ?? $installed ?? throw self::missing('StreamFactoryInterface');
        $this->messageClass = match ([$this->responses::class, $this->streams::class]) {
            [NyholmFactory::class, NyholmFactory::class] => NyholmResponse::class,
            [GuzzleFactory::class, GuzzleFactory::class] => GuzzleResponse::class,
            default => null,
        };
    }

    /**
     * @throws HawserException a ClientExceptionInterface; also a NetworkExceptionInterface or RequestExceptionInterface where PSR-18 says so
     */
    public function sendRequest(RequestInterface $request): ResponseInterface
    {
        $url = (string) $request->getUri();
        $isTaken = $this->dispatcher->options->takes($url);
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
            $target = $fragment === false ? $url : substr($url, 0, $fragment);
            $transfer = $this->dispatcher->begin(Request::of($request->getMethod(), $target, $options, $this->dispatcher->options->timeoutMs), $isTaken);
            $this->dispatcher->await($transfer);
            if ($transfer->error !== null) {
                throw $transfer->error;
            }
        } catch (ExchangeException $e) {
            $e->attachRequest($request);

            throw $e;
        }
        $fields = [];
        for ($at = 0, $end = \count($transfer->fields); $at < $end; $at += 2) {
            $fields[$transfer->fields[$at]][] = $transfer->fields[$at + 1];
        }

        return $this->message($transfer->status, $fields, $transfer->body, ($transfer->facts[0] ?? '') === 'h2' ? '2' : '1.1');
    }

    /**
     * @param array<string, list<string>> $fields
     */
    private function message(int $status, array $fields, string $body, string $version): ResponseInterface
    {
        // Both known libraries take the whole message at once; each `with…` of the factories' way copies it.
        if ($this->messageClass !== null) {
            return new ($this->messageClass)($status, $fields, $body === '' ? '' : new StringStream($body), $version);
        }
        $message = $this->responses->createResponse($status)->withProtocolVersion($version);
        foreach ($fields as $name => $values) {
            $message = $message->withHeader($name, $values);
        }

        return $body === '' ? $message : $message->withBody($this->streams->createStream($body));
    }

    private static function installed(): NyholmFactory|GuzzleFactory|null
    {
        return match (true) {
            class_exists(NyholmFactory::class) => new NyholmFactory(),
            class_exists(GuzzleFactory::class) => new GuzzleFactory(),
            default => null,
        };
    }

    private static function missing(string $interface): InvalidArgumentException
    {
        return new InvalidArgumentException("Psr18Client: no {$interface} was given, and neither nyholm/psr7 nor guzzlehttp/psr7 is installed to make one.");
    }
}
